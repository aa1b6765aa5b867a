//! Prints what names say: `cargo run --release -p normalize --example parse -- NAME...` as JSON; without names it reads
//! one name a line from standard input and prints a line for each, for looking over whole lists.

use domain::{LocalSku, ParsedName};
use normalize::Normalizer;
use std::io::{BufRead, stdin};

fn main() {
    let names: Vec<String> = std::env::args().skip(1).collect();
    if names.is_empty() {
        for line in stdin().lock().lines().map_while(Result::ok) {
            let mut columns = line.split('\t');
            let name = columns.next().unwrap_or_default();
            let mut sku = LocalSku::named("node", "sku", name);
            let mut column = || columns.next().filter(|text| !text.is_empty()).map(str::to_owned);
            sku.brand = column();
            sku.spec = column();
            sku.unit = column();
            println!("{line}\n    {}", brief(&Normalizer::shared().parse(&sku)));
        }
    }
    for name in names {
        let parsed = Normalizer::shared().parse(&LocalSku::named("node", "sku", &name));
        match serde_json::to_string_pretty(&parsed) {
            Ok(json) => println!("{json}"),
            Err(error) => eprintln!("{name}: {error}"),
        }
    }
}

fn brief(parsed: &ParsedName) -> String {
    let mut parts = vec![parsed.folded.clone(), format!("[{}]", parsed.residual)];
    let mut say = |what: &str, text: String| {
        if !text.is_empty() {
            parts.push(format!("{what}={text}"));
        }
    };
    let join = |items: Vec<String>| items.join(",");
    say("brand", parsed.brand.iter().map(|b| b.canonical.to_string()).collect());
    say("head", parsed.head.iter().map(ToString::to_string).collect());
    say(
        "q",
        join(
            parsed
                .quantities
                .iter()
                .map(|q| {
                    let to = if q.low == q.high { String::new() } else { format!("~{}", q.high) };
                    format!("{:?}:{}{to}", q.dimension, q.low)
                })
                .collect(),
        ),
    );
    say(
        "packs",
        join(
            parsed
                .packs
                .iter()
                .map(|p| format!("{}{}", p.count, p.container.as_deref().unwrap_or("")))
                .collect(),
        ),
    );
    say("codes", join(parsed.codes.iter().map(ToString::to_string).collect()));
    say("n", join(parsed.numbers.iter().map(ToString::to_string).collect()));
    say("var", join(parsed.variants.iter().map(|v| format!("{}:{}", v.kind, v.value)).collect()));
    say("claims", join(parsed.claims.iter().map(|v| format!("{}:{}", v.family, v.value)).collect()));
    say(
        "marks",
        if parsed.marks.bits() == 0 { String::new() } else { format!("{:#b}", parsed.marks.bits()) },
    );
    say("tok", parsed.tokens.iter().map(|t| t.text.to_string()).collect::<Vec<_>>().join("|"));
    parts.join("  ")
}
