//! report.html: one self-contained page, no script and no request to anywhere. Both languages are in the page; two
//! radio buttons and a style rule show one of them. Colours follow the reader's light or dark preference.

mod pages;
mod picture;
mod reliability;
mod scores;

pub use scores::{Scores, render as render_scores};
pub use show::html::cut as cut_name;
use show::{compare, html};

use crate::lang::Language;
use crate::summary::Summary;

/// Pairs shown of each zone.
const EXAMPLES: usize = 30;
/// Groups shown.
const GROUPS: usize = 15;
/// Rejected rows shown.
const REJECTED: usize = 20;

const STYLE: &str = include_str!("style.css");

pub fn render(summary: &Summary<'_>, language: Language) -> String {
    page(&pages::all(summary), language)
}

/// Everything around a page's sections.
fn page(body: &str, language: Language) -> String {
    let (lang, en, zh) = match language {
        Language::En => ("en", " checked", ""),
        Language::Zh => ("zh", "", " checked"),
    };
    format!(
        "<!doctype html>\n<html lang=\"{lang}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>同品 Tongpin</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <input class=\"switch\" type=\"radio\" name=\"language\" id=\"show-zh\"{zh}>\n\
         <input class=\"switch\" type=\"radio\" name=\"language\" id=\"show-en\"{en}>\n\
         <main>\n{body}</main>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests;
