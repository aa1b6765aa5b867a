//! Sizes and grades that trades write as one mark: tyres, oils, cements, coolants, pipe fittings. Two different marks of
//! a kind exclude each other, so they are variants.

use domain::Variant;

/// Reads the marks of a folded text into `variants`.
pub(crate) fn read(text: &str, variants: &mut Vec<Variant>) {
    if !text.bytes().any(|b| b.is_ascii_digit()) {
        return;
    }
    tyres(text, variants);
    viscosities(text, variants);
    cements(text, variants);
    freezing_points(text, variants);
    branches(text, variants);
    poles(text, variants);
    count_grades(text, variants);
}

fn say(variants: &mut Vec<Variant>, kind: &'static str, value: String) {
    let variant = Variant { kind: kind.into(), value: value.into() };
    if !variants.contains(&variant) {
        variants.push(variant);
    }
}

/// The digits that end at `end`.
fn digits_before(text: &str, end: usize) -> &str {
    let count = text.as_bytes()[..end].iter().rev().take_while(|b| b.is_ascii_digit()).count();
    &text[end - count..end]
}

fn digits_at(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    let count = rest.bytes().take_while(u8::is_ascii_digit).count();
    &rest[..count]
}

/// `205/55R16`, `185/60 zr 15`.
fn tyres(text: &str, variants: &mut Vec<Variant>) {
    for (slash, _) in text.match_indices('/') {
        let (width, ratio) = (digits_before(text, slash), digits_at(text, slash + 1));
        if width.len() != 3 || ratio.len() != 2 {
            continue;
        }
        let rest = text[slash + 3..].trim_start_matches([' ', '-', 'z']);
        let Some(rim) = rest.strip_prefix('r').map(|rest| digits_at(rest.trim_start(), 0)) else { continue };
        if rim.len() == 2 {
            say(variants, "tyre", format!("{width}/{ratio}r{rim}"));
        }
    }
}

/// `5W-30`, `10w40`.
fn viscosities(text: &str, variants: &mut Vec<Variant>) {
    for (w, _) in text.match_indices('w') {
        let cold = digits_before(text, w);
        let starts = w - cold.len();
        let glued = text[..starts].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '.');
        let rest = text[w + 1..].trim_start_matches(['-', '/']);
        let warm = digits_at(rest, 0);
        let ends = !rest[warm.len()..].starts_with(|c: char| c == '.' || c.is_ascii_alphabetic());
        let is_oil = matches!(cold, "0" | "5" | "10" | "15" | "20" | "25")
            && matches!(warm, "8" | "12" | "16" | "20" | "30" | "40" | "50" | "60");
        if is_oil && ends && !glued {
            say(variants, "viscosity", format!("{cold}w{warm}"));
        }
    }
}

/// `PC32.5`, `P.O 42.5R`: kind and strength of a cement.
fn cements(text: &str, variants: &mut Vec<Variant>) {
    if !text.contains("水泥") && !text.contains("cement") {
        return;
    }
    for strength in ["32.5", "42.5", "52.5", "62.5"] {
        let Some(at) = text.find(strength) else { continue };
        say(variants, "cement", strength.into());
        let before: String =
            text[..at].chars().rev().filter(|c| !matches!(c, '.' | '·' | ' ' | '-')).take(3).collect();
        for (reversed, kind) in
            [("op", "po"), ("cp", "pc"), ("sp", "ps"), ("fp", "pf"), ("pp", "pp"), ("wp", "pw")]
        {
            if before.starts_with(reversed) {
                say(variants, "cement_kind", kind.into());
            }
        }
    }
}

/// `-25度玻璃水`, `防冻液 零下35℃`.
fn freezing_points(text: &str, variants: &mut Vec<Variant>) {
    const FLUIDS: [&str; 6] = ["玻璃水", "防冻", "冷却液", "antifreeze", "coolant", "washer fluid"];
    if !FLUIDS.iter().any(|word| text.contains(word)) {
        return;
    }
    for sign in ["-", "零下"] {
        for (at, _) in text.match_indices(sign) {
            let degrees = digits_at(text, at + sign.len());
            let rest = &text[at + sign.len() + degrees.len()..];
            let is_cold = matches!(degrees.parse::<u32>(), Ok(0..=60));
            if is_cold && ["度", "°", "℃", "c"].iter().any(|unit| rest.starts_with(unit)) {
                say(variants, "freezing", format!("-{degrees}"));
            }
        }
    }
}

/// `PPR内丝弯头25*3/4`: the thread that branches off a pipe.
fn branches(text: &str, variants: &mut Vec<Variant>) {
    const FITTINGS: [&str; 9] = ["弯头", "三通", "直接", "接头", "内丝", "外丝", "ppr", "活接", "内牙"];
    if !FITTINGS.iter().any(|word| text.contains(word)) {
        return;
    }
    for (slash, _) in text.match_indices('/') {
        let (above, below) = (digits_before(text, slash), digits_at(text, slash + 1));
        let whole = text[..slash - above.len()].trim_end_matches(['x', '*']);
        let pipe = digits_before(whole, whole.len());
        let joined = whole.len() < slash - above.len();
        if joined && matches!(above, "1" | "3") && matches!(below, "2" | "4") && matches!(pipe.len(), 2 | 3) {
            say(variants, "branch", format!("{pipe}x{above}/{below}"));
        }
    }
}

/// `空气开关 1P 32A`.
fn poles(text: &str, variants: &mut Vec<Variant>) {
    if !["空开", "断路器", "空气开关", "漏保", "漏电保护", "breaker"].iter().any(|word| text.contains(word))
    {
        return;
    }
    for (p, _) in text.match_indices('p') {
        let count = digits_before(text, p);
        let glued = text[..p - count.len()].ends_with(|c: char| c.is_ascii_alphanumeric());
        let ends = !text[p + 1..].starts_with(|c: char| c.is_ascii_alphanumeric());
        if matches!(count, "1" | "2" | "3" | "4") && ends && !glued {
            say(variants, "poles", format!("{count}p"));
        }
    }
}

/// `白虾 41/50`: so many a pound.
fn count_grades(text: &str, variants: &mut Vec<Variant>) {
    if !["虾", "shrimp", "prawn"].iter().any(|word| text.contains(word)) {
        return;
    }
    for (slash, _) in text.match_indices(['/', '-']) {
        let (from, to) = (digits_before(text, slash), digits_at(text, slash + 1));
        let glued = text[..slash - from.len()].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '.');
        let ends = !text[slash + 1 + to.len()..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.');
        let (Ok(few), Ok(many)) = (from.parse::<u32>(), to.parse::<u32>()) else { continue };
        if !glued
            && ends
            && few >= 6
            && few < many
            && many <= 300
            && to.len() >= 2
            && many - few <= few.max(10)
        {
            say(variants, "count_grade", format!("{few}/{many}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Normalizer;
    use domain::LocalSku;

    fn check(name: &str, kind: &str, expected: &[&str]) {
        let parsed = Normalizer::shared().parse(&LocalSku::named("n", "s", name));
        let said: Vec<&str> =
            parsed.variants.iter().filter(|v| v.kind == kind).map(|v| v.value.as_str()).collect();
        assert_eq!(said, expected, "{name}");
    }

    #[test]
    fn marks_of_trades() {
        check("米其林轮胎浩越 205/55R16 91V", "tyre", &["205/55r16"]);
        check("Chaoyang Tyre EC1 185/60 ZR 15", "tyre", &["185/60r15"]);
        check("日期2024/05r", "tyre", &[]);
        check("嘉实多 极护 5W-40机油 1升", "viscosity", &["5w40"]);
        check("机油10W40", "viscosity", &["10w40"]);
        check("LED灯 5W 30只", "viscosity", &[]);
        check("华新PC32.5硅酸盐水泥", "cement_kind", &["pc"]);
        check("华新P.O42.5水泥40kg", "cement", &["42.5"]);
        check("万星-30度汽车玻璃水1.8L", "freezing", &["-30"]);
        check("防冻液零下25℃", "freezing", &["-25"]);
        check("冰箱-18度", "freezing", &[]);
        check("PPR内丝弯头25×3/4", "branch", &["25x3/4"]);
        check("1P-63A空气开关", "poles", &["1p"]);
        check("正泰断路器 2P 32A", "poles", &["2p"]);
        check("PPR内丝弯头 25X1/2", "branch", &["25x1/2"]);
    }
}
