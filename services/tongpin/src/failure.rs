//! Errors in the user's language. The libraries say them in English; the Chinese twins are here, made from the same
//! fields, one line each, with what to do.

use crate::folder::FolderError;
use crate::lang::{Language, pick, say};
use embed::EmbedError;
use embed::runtime::RuntimeError;
use engine::EngineError;
use std::path::PathBuf;
use tables::{Reason, Rejected, TableError};
use thiserror::Error;

#[derive(Debug, Error)]
pub enum Failure {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("{path}: cannot be written ({source})")]
    Write { path: PathBuf, source: std::io::Error },
    #[error("no usable row: all {0} were rejected")]
    NothingUsable(usize, Box<Option<Rejected>>),
    #[error("--many-per-node {name}: no such node")]
    NoSuchNode { name: String, nodes: Vec<String> },
    #[error("{0} is empty")]
    EmptyName(&'static str),
    #[error("{0}: the answer is a .csv or .tsv table")]
    OutName(PathBuf),
    #[error("{0}: the output would overwrite the input")]
    OutIsInput(PathBuf),
    #[error("{path}: {detail}")]
    Config { path: PathBuf, detail: String },
    #[error("serve needs --data DIR or --store")]
    NoData,
    #[error("TLS needs both a certificate and its key")]
    HalfTls,
    #[error("the password cannot be read ({source})")]
    Password { source: std::io::Error },
    #[error("the runtime cannot be set up ({source})")]
    Runtime { source: std::io::Error },
    #[error(transparent)]
    Client(#[from] client::ClientError),
    #[error("{path}: {detail}")]
    Result { path: PathBuf, detail: String },
    #[error("the service does not finish linking: {0} records were not looked at for minutes")]
    NeverLinked(usize),
    #[error("traces to {endpoint}: {detail}")]
    Traces { endpoint: String, detail: String },
    #[error(transparent)]
    Store(#[from] store::StoreError),
    #[error(transparent)]
    Start(#[from] gateway::StartError),
    #[error("{0}: the models that are read would be overwritten")]
    ModelsOverModels(PathBuf),
    #[error("{path} holds things that are no models folder of ours (such as {found})")]
    NotOurModels { path: PathBuf, found: String },
}

impl Failure {
    pub fn tell(&self, language: Language) -> String {
        match self {
            Failure::Table(error) => table(error, language),
            Failure::Engine(error) => engine_error(error, language),
            Failure::Folder(error) => folder(error, language),
            Failure::Config { path, detail } => {
                let path = path.display();
                say!(language, "{path}: the settings cannot be used: {detail}", "{path}：设置无法使用：{detail}")
            }
            Failure::NoData => pick(
                language,
                "where shall the store be? Give --data DIR (SQLite) or --store postgres://… , or set them in the file of --config",
                "数据放在哪里？请给出 --data 文件夹（SQLite）或 --store postgres://… ，或写在 --config 的文件里",
            )
            .to_owned(),
            Failure::HalfTls => pick(
                language,
                "TLS needs both: give --tls-cert and --tls-key",
                "TLS 需要证书和私钥：请同时给出 --tls-cert 和 --tls-key",
            )
            .to_owned(),
            Failure::Password { source } => {
                say!(language, "the password cannot be read ({source})", "读不到密码（{source}）")
            }
            Failure::Runtime { source } => {
                say!(language, "the runtime cannot be set up ({source})", "无法建立运行环境（{source}）")
            }
            Failure::Client(error) => say!(language, "{error}", "服务：{error}"),
            Failure::Result { path, detail } => {
                let path = path.display();
                say!(language, "{path}: {detail}", "{path}：{detail}")
            }
            Failure::NeverLinked(count) => say!(
                language,
                "the service does not finish linking: {count} records were not looked at for minutes; its log says why",
                "服务一直没有关联完：{count} 条记录几分钟内无进展；原因见服务的日志"
            ),
            Failure::Traces { endpoint, detail } => {
                say!(language, "traces to {endpoint}: {detail}", "调用跟踪发往 {endpoint}：{detail}")
            }
            Failure::Store(error) => say!(language, "the store: {error}", "数据：{error}"),
            Failure::Start(error) => say!(language, "{error}", "服务无法启动：{error}"),
            Failure::Write { path, source } => {
                let path = path.display();
                say!(language, "{path}: cannot be written ({source})", "{path}：无法写入（{source}）")
            }
            Failure::NothingUsable(count, first) => {
                let first = first.as_ref().as_ref().map(|r| rejected(r, language)).unwrap_or_default();
                say!(
                    language,
                    "none of the {count} rows can be used; the first: {first}",
                    "{count} 行没有一行可用；第一行的问题：{first}"
                )
            }
            Failure::NoSuchNode { name, nodes } => {
                let shown: Vec<&str> = nodes.iter().map(String::as_str).take(20).collect();
                let more = if nodes.len() > shown.len() { " …" } else { "" };
                let (en, zh) = (shown.join(", "), shown.join("、"));
                say!(
                    language,
                    "--many-per-node {name}: there is no such node; the nodes are: {en}{more}",
                    "--many-per-node {name}：没有这个节点；现有节点：{zh}{more}"
                )
            }
            Failure::EmptyName(which) => {
                say!(language, "{which} is empty; give two names", "{which} 为空；请给出两个名称")
            }
            Failure::OutName(path) => {
                let path = path.display();
                say!(
                    language,
                    "{path}: the answer is written as a table; give a name ending in .csv or .tsv",
                    "{path}：结果是表格，请用 .csv 或 .tsv 结尾的文件名"
                )
            }
            Failure::ModelsOverModels(path) => {
                let path = path.display();
                say!(
                    language,
                    "--out {path}: that is, holds or lies in the models folder that is read; give a new folder",
                    "--out {path}：它就是正在读取的模型文件夹，或与之互相包含；请换一个新文件夹"
                )
            }
            Failure::NotOurModels { path, found } => {
                let path = path.display();
                say!(
                    language,
                    "--out {path}: it holds things that train did not write (such as {found}); give a new or empty folder",
                    "--out {path}：里面有不是由 train 写出的东西（例如 {found}）；请换一个新的或空的文件夹"
                )
            }
            Failure::OutIsInput(path) => {
                let path = path.display();
                say!(
                    language,
                    "{path}: the output would overwrite the input; give another name",
                    "{path}：输出会覆盖输入文件，请换一个文件名"
                )
            }
        }
    }
}

pub fn table(error: &TableError, language: Language) -> String {
    if language == Language::En {
        return error.to_string();
    }
    error.in_chinese()
}

/// `file:line: reason`.
pub fn rejected(rejected: &Rejected, language: Language) -> String {
    let Rejected { file, line, reason, .. } = rejected;
    match language {
        Language::En => format!("{file}:{line}: {reason}"),
        Language::Zh => format!("{file}:{line}：{}", reason.in_chinese()),
    }
}

/// The reason alone, for the report.
pub fn reason(reason: &Reason, language: Language) -> String {
    match language {
        Language::En => reason.to_string(),
        Language::Zh => reason.in_chinese(),
    }
}

fn folder(error: &FolderError, language: Language) -> String {
    if language == Language::En {
        return error.to_string();
    }
    match error {
        FolderError::IsFile { path } => format!("{} 是文件；--out 需要一个文件夹", path.display()),
        FolderError::NotOurs { path, found } => format!(
            "{} 里有别的文件（例如 {found}）；请换一个空文件夹，或加 --force 写在它们旁边",
            path.display()
        ),
        FolderError::Write { path, source } => format!("无法写入 {}：{source}", path.display()),
    }
}

fn engine_error(error: &EngineError, language: Language) -> String {
    if language == Language::En {
        return error.to_string();
    }
    match error {
        EngineError::NoModels => {
            "找不到模型文件夹：已看过 TONGPIN_MODELS、当前及上级目录的 models、程序所在目录的上级；\
                                  请用 --models 指明（即本项目的 models 文件夹）"
                .to_owned()
        }
        EngineError::Read { path, source } => format!("无法读取 {}：{source}", path.display()),
        EngineError::NoScorer { name, folder, known } => {
            format!("{} 中没有名为 {name} 的评分模型；现有：{known}", folder.display())
        }
        EngineError::Checksum { path } => {
            format!("{} 与 manifest.json 中的校验和不符：文件损坏或被改动，请重新从项目获取", path.display())
        }
        EngineError::Duplicate(key) => format!("记录 {key} 出现了两次：同一节点内编码不能重复，请删掉或改名"),
        EngineError::TooFewLabels { same, different, needed, file } => format!(
            "{file}：标签太少，学不了：标为同品的 {same} 对，标为不同的 {different} 对；两种至少各需 {needed} 对，请再标一些"
        ),
        EngineError::TooMany(count) => format!("一次运行最多 1600 万条记录，现有 {count} 条"),
        EngineError::Model(detail) => format!("评分模型无法使用：{detail}"),
        EngineError::Retrieve(detail) => format!("查找候选时出错：{detail}"),
        EngineError::Runtime(runtime) | EngineError::Embed(EmbedError::Runtime(runtime)) => {
            runtime_in_chinese(runtime)
        }
        EngineError::Embed(detail) => format!("语义编码器无法使用：{detail}"),
    }
}

fn runtime_in_chinese(error: &RuntimeError) -> String {
    let (what, models) = match error {
        RuntimeError::Missing { models_dir, .. } => ("没有找到 ONNX Runtime".to_owned(), models_dir),
        RuntimeError::Unusable { reasons, models_dir } => {
            (format!("找到了 ONNX Runtime，但无法加载（{reasons}）"), models_dir)
        }
        RuntimeError::Fetch { reason, models_dir } => {
            (format!("无法下载 ONNX Runtime（{reason}）"), models_dir)
        }
        RuntimeError::Named { path, reason } => {
            return format!(
                "ORT_DYLIB_PATH 指向 {}，但那里没有 ONNX Runtime：{reason}；请改正或去掉",
                path.display()
            );
        }
        RuntimeError::Write { path, source } => {
            return format!(
                "无法写入 {}：{source}；请让模型文件夹可写，或设置 ORT_DYLIB_PATH",
                path.display()
            );
        }
    };
    let folder = models.join("runtime");
    format!(
        "{what}。三种办法任选其一：(1) 运行 python3 -m pip install onnxruntime；(2) 把 libonnxruntime 放到 {}；\
         (3) 用 ORT_DYLIB_PATH 指明库文件。详见 {}",
        folder.join("lib").display(),
        folder.join("README.md").display()
    )
}

/// A line on stderr a rejected row, the first few of them, and where the others are.
pub fn warn_of_rejected(rows: &[Rejected], where_all: &str, language: Language) {
    const SHOWN: usize = 5;
    for row in rows.iter().take(SHOWN) {
        eprintln!("{} {}", pick(language, "rejected", "未采用"), rejected(row, language));
    }
    if rows.len() > SHOWN {
        let more = rows.len() - SHOWN;
        eprintln!(
            "{}",
            say!(language, "… and {more} more, all in {where_all}", "……另有 {more} 行，全部列在 {where_all}")
        );
    }
}
