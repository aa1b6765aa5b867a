//! The command line: what can be asked, in both languages. Built with clap's builder, not its derive, so that help and
//! usage errors come in the user's language; the texts stand beside the options they are about.

use crate::lang::{Language, pick};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tables::ColumnMap;

/// What the user wants.
pub struct Call {
    pub language: Language,
    pub threads: Option<usize>,
    pub models: Option<PathBuf>,
    /// A scorer of the models folder; `None` is its default.
    pub model: Option<String>,
    /// The summary as JSON on stdout instead of text.
    pub json: bool,
    pub quiet: bool,
    pub task: Task,
}

pub enum Task {
    /// With a server: run by it, over everything that it holds.
    Link {
        records: Vec<PathBuf>,
        linking: Linking,
        server: Option<Server>,
    },
    Import {
        records: Vec<PathBuf>,
        map: ColumnMap,
        server: Server,
        replace: bool,
    },
    Load {
        records: Vec<PathBuf>,
        map: ColumnMap,
        from: PathBuf,
        place: Serving,
    },
    Match {
        left: PathBuf,
        right: PathBuf,
        linking: Linking,
    },
    Score {
        pairs: PathBuf,
        out: PathBuf,
        report: Option<PathBuf>,
        map: ColumnMap,
        zones: Zones,
    },
    Explain {
        left: String,
        right: String,
        zones: Zones,
    },
    Demo {
        out: PathBuf,
        serve: Option<SocketAddr>,
    },
    Train {
        pairs: Vec<PathBuf>,
        valid: Option<PathBuf>,
        test: Option<PathBuf>,
        fitting: Fitting,
    },
    Calibrate {
        pairs: Vec<PathBuf>,
        fitting: Fitting,
    },
    Serve(Serving),
    User(Person),
}

/// What `serve` is told by flags or environment; the rest is in its file.
#[derive(Default)]
pub struct Serving {
    pub config: Option<PathBuf>,
    pub data: Option<PathBuf>,
    /// A database instead of a file in the data folder.
    pub store: Option<String>,
    pub listen: Option<SocketAddr>,
    pub backups: Option<PathBuf>,
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    pub client_authorities: Option<PathBuf>,
    /// A collector of traces.
    pub traces: Option<String>,
}

/// A running service to work with.
pub struct Server {
    pub url: String,
    pub key: String,
    pub authorities: Option<PathBuf>,
    pub certificate: Option<PathBuf>,
    pub certificate_key: Option<PathBuf>,
}

/// A person for the console.
pub struct Person {
    pub name: String,
    pub role: String,
    /// Shut out instead.
    pub shut: bool,
    pub place: Serving,
}

/// What `train` and `calibrate` share.
pub struct Fitting {
    /// The new models folder.
    pub out: PathBuf,
    pub map: ColumnMap,
    /// The precision that the auto zone is to be proved to have.
    pub target: f64,
    pub seed: u64,
    /// Write a model that is worse on the held-back labels.
    pub force: bool,
}

/// What `link` and `match` share.
pub struct Linking {
    pub out: PathBuf,
    pub map: ColumnMap,
    pub zones: Zones,
    pub many_per_node: Vec<String>,
    /// Put the input's other columns beside master_id.
    pub carry: bool,
    /// Write into a folder that holds things that are not ours.
    pub force: bool,
}

/// Where the zones begin; `review <= auto`, both in 0..=1.
#[derive(Clone, Copy)]
pub struct Zones {
    pub auto: f64,
    pub review: f64,
    /// Whether the user said where auto begins; otherwise a cut that a model's labels proved goes before the default.
    pub chosen: bool,
}

/// The defaults of the engine (design, "zone").
const ZONES: Zones = Zones { auto: 0.85, review: 0.15, chosen: false };
/// The precision that `train` and `calibrate` try to prove.
const TARGET: f64 = 0.95;

impl Default for Zones {
    fn default() -> Self {
        ZONES
    }
}

pub fn parse(arguments: &[OsString], language: Language) -> Result<Call, Answer> {
    let matches = command(language).try_get_matches_from(arguments).map_err(Answer)?;
    let (name, sub) = matches.subcommand().ok_or_else(|| usage(language, "what to do?", "要做什么？"))?;
    let text = |id: &str| sub.get_one::<String>(id).cloned().unwrap_or_default();
    let path = |id: &str| sub.get_one::<PathBuf>(id).cloned().unwrap_or_default();
    let task = match name {
        "link" => Task::Link {
            records: paths(sub, "records"),
            linking: linking(sub, language)?,
            server: server(sub),
        },
        "import" => Task::Import {
            records: paths(sub, "records"),
            map: map(sub),
            server: server(sub).ok_or_else(|| usage(language, "--server is missing", "缺少 --server"))?,
            replace: sub.get_flag("replace"),
        },
        "load" => Task::Load {
            records: paths(sub, "records"),
            map: map(sub),
            from: path("from"),
            place: place(sub),
        },
        "match" => Task::Match { left: path("left"), right: path("right"), linking: linking(sub, language)? },
        "score" => Task::Score {
            pairs: path("pairs"),
            out: path("out"),
            report: sub.get_one::<PathBuf>("report").cloned(),
            map: map(sub),
            zones: zones(sub, language)?,
        },
        "explain" => Task::Explain { left: text("left"), right: text("right"), zones: zones(sub, language)? },
        "serve" => Task::Serve(serving(sub)),
        "user" => Task::User(Person {
            name: text("name"),
            role: text("role"),
            shut: sub.get_flag("disable"),
            place: place(sub),
        }),
        "train" => Task::Train {
            pairs: paths(sub, "pairs"),
            valid: sub.get_one::<PathBuf>("valid").cloned(),
            test: sub.get_one::<PathBuf>("test").cloned(),
            fitting: fitting(sub, sub.get_flag("force")),
        },
        "calibrate" => Task::Calibrate { pairs: paths(sub, "pairs"), fitting: fitting(sub, false) },
        _ => Task::Demo { out: path("out"), serve: sub.get_one::<SocketAddr>("serve").copied() },
    };
    Ok(Call {
        language,
        threads: sub.get_one::<usize>("threads").copied(),
        models: sub.get_one::<PathBuf>("models").cloned(),
        model: sub.get_one::<String>("model").cloned(),
        json: sub.get_flag("json"),
        quiet: sub.get_flag("quiet"),
        task,
    })
}

fn paths(sub: &ArgMatches, id: &str) -> Vec<PathBuf> {
    sub.get_many::<PathBuf>(id).into_iter().flatten().cloned().collect()
}

fn serving(sub: &ArgMatches) -> Serving {
    let path = |id: &str| sub.get_one::<PathBuf>(id).cloned();
    Serving {
        config: path("config"),
        data: path("data"),
        store: sub.get_one::<String>("store").cloned(),
        listen: sub.get_one::<SocketAddr>("listen").copied(),
        backups: path("backups"),
        certificate: path("tls-cert"),
        key: path("tls-key"),
        client_authorities: path("tls-client-ca"),
        traces: sub.get_one::<String>("traces").cloned(),
    }
}

/// Where a store is.
fn place(sub: &ArgMatches) -> Serving {
    Serving {
        config: sub.get_one::<PathBuf>("config").cloned(),
        data: sub.get_one::<PathBuf>("data").cloned(),
        store: sub.get_one::<String>("store").cloned(),
        ..Serving::default()
    }
}

fn server(sub: &ArgMatches) -> Option<Server> {
    let path = |id: &str| sub.get_one::<PathBuf>(id).cloned();
    Some(Server {
        url: sub.get_one::<String>("server").cloned()?,
        key: sub.get_one::<String>("key").cloned().unwrap_or_default(),
        authorities: path("server-ca"),
        certificate: path("cert"),
        certificate_key: path("cert-key"),
    })
}

fn fitting(sub: &ArgMatches, force: bool) -> Fitting {
    Fitting {
        out: sub.get_one::<PathBuf>("out").cloned().unwrap_or_default(),
        map: map(sub),
        target: sub.get_one::<f64>("target").copied().unwrap_or(TARGET),
        seed: sub.get_one::<u64>("seed").copied().unwrap_or(1),
        force,
    }
}

fn linking(sub: &ArgMatches, language: Language) -> Result<Linking, Answer> {
    Ok(Linking {
        out: sub.get_one::<PathBuf>("out").cloned().unwrap_or_default(),
        map: map(sub),
        zones: zones(sub, language)?,
        many_per_node: sub.get_many::<String>("many-per-node").into_iter().flatten().cloned().collect(),
        carry: sub.get_flag("carry"),
        force: sub.get_flag("force"),
    })
}

fn map(sub: &ArgMatches) -> ColumnMap {
    sub.get_many::<ColumnMap>("map").into_iter().flatten().cloned().fold(ColumnMap::default(), ColumnMap::and)
}

fn zones(sub: &ArgMatches, language: Language) -> Result<Zones, Answer> {
    let number = |id: &str, default: f64| sub.get_one::<f64>(id).copied().unwrap_or(default);
    let auto = number("auto", ZONES.auto);
    // A lower --auto alone takes the review zone down with it.
    let chosen = sub.get_one::<f64>("auto").is_some();
    let zones = Zones { auto, review: number("review", ZONES.review.min(auto)), chosen };
    if zones.review > zones.auto {
        return Err(usage(
            language,
            "--review must not be above --auto: pairs from --review to --auto are asked, those from --auto on are linked",
            "--review 不能大于 --auto：置信度在 --review 与 --auto 之间的由人确认，达到 --auto 的自动关联",
        ));
    }
    Ok(zones)
}

fn usage(language: Language, en: &'static str, zh: &'static str) -> Answer {
    Answer(clap::Error::raw(ErrorKind::ValueValidation, pick(language, en, zh)))
}

fn command(language: Language) -> Command {
    let say = |en: &'static str, zh: &'static str| pick(language, en, zh);
    let about = say(
        "Tongpin (同品): links SKU names that mean the same goods, across nodes that keep their own codes.",
        "同品（Tongpin）：把各门店、仓库、供应商各自编码的商品名称，按意思关联到同一商品。",
    );
    let root = Command::new("tongpin")
        .version(env!("CARGO_PKG_VERSION"))
        .about(about)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .override_usage(say("tongpin <COMMAND> [OPTIONS]", "tongpin <命令> [选项]"))
        .subcommand_help_heading(say("Commands", "命令"))
        .disable_help_subcommand(true)
        .disable_version_flag(true)
        .after_help(say(EXIT_CODES_EN, EXIT_CODES_ZH))
        .arg(
            option("version", language)
                .short('V')
                .action(ArgAction::Version)
                .help(say("Print the version", "显示版本")),
        )
        .subcommand(
            Command::new("link")
                .about(say(
                    "Group the records of many nodes that mean the same goods",
                    "把多个节点（门店、仓库……）的记录按同一商品归组",
                ))
                .override_usage(say(
                    "tongpin link <RECORDS>... --out <DIR> [OPTIONS]",
                    "tongpin link <记录文件>... --out <文件夹> [选项]",
                ))
                .after_help(say(RECORDS_EN, RECORDS_ZH))
                .arg(file("records", language).num_args(1..).help(say(TABLES_EN, TABLES_ZH)))
                .args(linking_options(language))
                // What a server decides by its own policies, or does not keep.
                .args(server_options(language).map(|arg| {
                    arg.conflicts_with_all(["auto", "review", "many-per-node", "carry", "model"])
                })),
        )
        .subcommand(
            Command::new("import")
                .about(say(
                    "Send the records to a running service, which links them",
                    "把记录送进运行中的服务，由它关联",
                ))
                .override_usage(say(
                    "tongpin import <RECORDS>... --server <URL> [OPTIONS]",
                    "tongpin import <记录文件>... --server <网址> [选项]",
                ))
                .after_help(say(RECORDS_EN, RECORDS_ZH))
                .arg(file("records", language).num_args(1..).help(say(TABLES_EN, TABLES_ZH)))
                .args(server_options(language))
                .arg(map_option(language))
                .arg(option("replace", language).action(ArgAction::SetTrue).help(say(
                    "Delete what the files' nodes hold there and the files do not",
                    "删除这些节点在服务中有、而文件中没有的记录",
                ))),
        )
        .subcommand(
            Command::new("load")
                .about(say(
                    "Make a run's result folder the beginning of a service's store",
                    "把一次 link 的结果文件夹载入，作为服务数据的起点",
                ))
                .override_usage(say(
                    "tongpin load <RECORDS>... --from <DIR> --data <DIR> [OPTIONS]",
                    "tongpin load <记录文件>... --from <结果文件夹> --data <文件夹> [选项]",
                ))
                .after_help(say(LOAD_EN, LOAD_ZH))
                .arg(file("records", language).num_args(1..).help(say(
                    "The tables that the run read",
                    "那次运行所读的表",
                )))
                .arg(
                    option("from", language)
                        .required(true)
                        .value_name(say("DIR", "文件夹"))
                        .value_parser(value_parser!(PathBuf))
                        .help(say("The folder that `link` wrote", "link 写出的结果文件夹")),
                )
                .arg(map_option(language))
                .args(serve_options(language).into_iter().take(3)),
        )
        .subcommand(
            Command::new("match")
                .about(say("Match two tables: nodes 'left' and 'right'", "匹配两张表：节点名为 left 和 right"))
                .override_usage(say(
                    "tongpin match <LEFT> <RIGHT> --out <DIR> [OPTIONS]",
                    "tongpin match <左表> <右表> --out <文件夹> [选项]",
                ))
                .after_help(say(RECORDS_EN, RECORDS_ZH))
                .arg(file("left", language).help(say("Table with id and title or name", "含编码和名称的表")))
                .arg(file("right", language).help(say("The table to match it with", "与之匹配的表")))
                .args(linking_options(language)),
        )
        .subcommand(
            Command::new("score")
                .about(say(
                    "Score given pairs: adds confidence, zone and reason",
                    "给指定的名称对打分：加上置信度、区间和理由",
                ))
                .override_usage(say(
                    "tongpin score <PAIRS> --out <FILE> [OPTIONS]",
                    "tongpin score <名称对文件> --out <文件> [选项]",
                ))
                .arg(file("pairs", language).help(say(
                    "Table with left_name and right_name, optionally left_brand, right_spec ...",
                    "含 left_name、right_name 的表，可另有 left_brand、right_spec 等列",
                )))
                .arg(
                    option("out", language)
                        .short('o')
                        .required(true)
                        .value_name(say("FILE", "文件"))
                        .value_parser(value_parser!(PathBuf))
                        .help(say("Where to write: .csv or .tsv", "写到哪里：.csv 或 .tsv")),
                )
                .arg(
                    option("report", language)
                        .value_name(say("FILE", "文件"))
                        .value_parser(value_parser!(PathBuf))
                        .help(say(
                            "Also write a page on the confidences and what they rest on (.html)",
                            "另写一页报告：置信度的分布和依据（.html）",
                        )),
                )
                .arg(map_option(language))
                .args(zone_options(language)),
        )
        .subcommand(
            Command::new("explain")
                .about(say(
                    "Say why two names are, or are not, the same goods",
                    "说明两个名称为什么是或不是同一商品",
                ))
                .override_usage(say(
                    "tongpin explain <LEFT_NAME> <RIGHT_NAME> [OPTIONS]",
                    "tongpin explain <名称一> <名称二> [选项]",
                ))
                .arg(word("left", say("LEFT_NAME", "名称一"), language).help(say("One name", "第一个名称")))
                .arg(word("right", say("RIGHT_NAME", "名称二"), language).help(say("The other", "第二个名称")))
                .args(zone_options(language)),
        )
        .subcommand(
            Command::new("train")
                .about(say(
                    "Tune the scorer to pairs that you have labelled; writes a new models folder",
                    "用已标注的名称对训练评分模型；写出新的模型文件夹",
                ))
                .override_usage(say(
                    "tongpin train <PAIRS>... --out <DIR> [OPTIONS]",
                    "tongpin train <名称对文件>... --out <文件夹> [选项]",
                ))
                .after_help(say(LABELS_EN, LABELS_ZH))
                .arg(file("pairs", language).num_args(1..).help(say(LABELLED_EN, LABELLED_ZH)))
                .args(fitting_options(language))
                .args([
                    option("valid", language)
                        .value_name(say("FILE", "文件"))
                        .value_parser(value_parser!(PathBuf))
                        .help(say(
                            "Labelled pairs to compare and promise on (default: a quarter of the products, held back)",
                            "用于前后对比和给出保证的已标注文件（默认留出四分之一的商品）",
                        )),
                    option("test", language)
                        .value_name(say("FILE", "文件"))
                        .value_parser(value_parser!(PathBuf))
                        .help(say(
                            "Labelled pairs to score afterwards; nothing is decided by them",
                            "训练后再打分的已标注文件；不参与任何决定",
                        )),
                    option("force", language).action(ArgAction::SetTrue).help(say(
                        "Write the model even if it is worse on the held-back labels",
                        "即使在留出的标注上变差，也写出模型",
                    )),
                ]),
        )
        .subcommand(
            Command::new("calibrate")
                .about(say(
                    "Fit confidences to labelled pairs and say what can be promised",
                    "用已标注的名称对校准置信度，并说明能保证多高的准确率",
                ))
                .override_usage(say(
                    "tongpin calibrate <LABELLED>... --out <DIR> [OPTIONS]",
                    "tongpin calibrate <已标注文件>... --out <文件夹> [选项]",
                ))
                .after_help(say(LABELS_EN, LABELS_ZH))
                .arg(file("pairs", language).num_args(1..).help(say(LABELLED_EN, LABELLED_ZH)))
                .args(fitting_options(language)),
        )
        .subcommand(
            Command::new("demo")
                .about(say(
                    "Link the project's own six demo nodes and show what comes out",
                    "关联本项目自带的六个演示节点，看看结果",
                ))
                .override_usage(say("tongpin demo [OPTIONS]", "tongpin demo [选项]"))
                .arg(
                    option("out", language)
                        .short('o')
                        .value_name(say("DIR", "文件夹"))
                        .value_parser(value_parser!(PathBuf))
                        .default_value("out/demo")
                        .help(say("Where to write (out/demo)", "写到哪里（默认 out/demo）")),
                )
                .arg(
                    option("serve", language)
                        .value_name("IP:PORT")
                        .value_parser(value_parser!(SocketAddr))
                        .num_args(0..=1)
                        .default_missing_value("127.0.0.1:7070")
                        .help(say(
                            "Instead: the service and its console over the demo, in a throwaway store (127.0.0.1:7070)",
                            "改为：在一次性数据上运行服务和控制台（127.0.0.1:7070）",
                        )),
                ),
        )
        .subcommand(
            Command::new("serve")
                .about(say(
                    "Run the service: gRPC and JSON over HTTP on one port",
                    "运行服务：同一端口提供 gRPC 与 JSON（HTTP）",
                ))
                .override_usage(say("tongpin serve --data <DIR> [OPTIONS]", "tongpin serve --data <文件夹> [选项]"))
                .args(serve_options(language)),
        )
        .subcommand(
            Command::new("user")
                .about(say(
                    "A person for the steward's console: make one, or change password and role",
                    "控制台人员：新建，或更改密码与角色",
                ))
                .override_usage(say("tongpin user <NAME> --data <DIR> [OPTIONS]", "tongpin user <姓名> --data <文件夹> [选项]"))
                .arg(positional("name", say("NAME", "姓名"), language).help(say("Login name", "登录名")))
                .arg(
                    option("role", language)
                        .value_parser(["reader", "steward", "approver", "admin"])
                        .default_value("steward")
                        .value_name(say("ROLE", "角色"))
                        .help(say(
                            "What the person may do: reader, steward (the default), approver or admin",
                            "可以做什么：reader 查看、steward 审核（默认）、approver 批准、admin 管理",
                        )),
                )
                .arg(
                    option("disable", language)
                        .action(ArgAction::SetTrue)
                        .help(say("Shut the person out instead", "改为禁止此人登录")),
                )
                .args(serve_options(language).into_iter().take(3)),
        );
    let with_common = |sub: Command| sub.args(common(language));
    let names = [
        "link",
        "import",
        "load",
        "match",
        "score",
        "explain",
        "train",
        "calibrate",
        "demo",
        "serve",
        "user",
    ];
    let root = names.into_iter().fold(root, |root, name| root.mut_subcommand(name, with_common));
    // `--lang` before the command as well; it is read before parsing.
    localised(root.arg(lang_option(language)).arg(help_option(language)), language)
}

/// Our own headings instead of clap's, which are English.
fn localised(root: Command, language: Language) -> Command {
    let template = pick(
        language,
        "{about-with-newline}\nUsage: {usage}\n\n{all-args}{after-help}",
        "{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}",
    );
    let names: Vec<String> = root.get_subcommands().map(|s| s.get_name().to_owned()).collect();
    let plain = |c: Command| c.help_template(template).disable_help_flag(true).mut_args(without_remarks);
    names.into_iter().fold(plain(root), |root, name| root.mut_subcommand(name, plain))
}

fn option(id: &'static str, language: Language) -> Arg {
    Arg::new(id).long(id).help_heading(pick(language, "Options", "选项"))
}

/// Clap would add English remarks on defaults, environment and possible values; the help texts say what matters.
fn without_remarks(arg: Arg) -> Arg {
    if !arg.get_action().takes_values() {
        return arg;
    }
    arg.hide_default_value(true).hide_possible_values(true).hide_env(true)
}

fn positional(id: &'static str, name: &'static str, language: Language) -> Arg {
    Arg::new(id).required(true).value_name(name).help_heading(pick(language, "Arguments", "参数"))
}

fn file(id: &'static str, language: Language) -> Arg {
    let name = match id {
        "records" => pick(language, "RECORDS", "记录文件"),
        "left" => pick(language, "LEFT", "左表"),
        "right" => pick(language, "RIGHT", "右表"),
        _ => pick(language, "PAIRS", "名称对文件"),
    };
    positional(id, name, language).value_parser(value_parser!(PathBuf))
}

fn word(id: &'static str, name: &'static str, language: Language) -> Arg {
    positional(id, name, language).value_parser(value_parser!(String))
}

fn lang_option(language: Language) -> Arg {
    let both = "zh | en";
    option("lang", language).value_name(both).value_parser(["zh", "en"]).help(pick(
        language,
        "Language of messages (default: from LANG)",
        "消息的语言（默认取自 LANG）",
    ))
}

fn help_option(language: Language) -> Arg {
    option("help", language).short('h').action(ArgAction::Help).help(pick(
        language,
        "Print this help",
        "显示帮助",
    ))
}

fn common(language: Language) -> Vec<Arg> {
    let say = |en: &'static str, zh: &'static str| pick(language, en, zh);
    vec![
        option("models", language)
            .env("TONGPIN_MODELS")
            .value_name(say("DIR", "文件夹"))
            .value_parser(value_parser!(PathBuf))
            .help(say(
                "The models folder (default: TONGPIN_MODELS, else 'models' here or above)",
                "模型文件夹（默认 TONGPIN_MODELS，否则为当前或上级目录中的 models）",
            )),
        option("model", language).value_name(say("NAME", "名称")).value_parser(value_parser!(String)).help(
            say(
                "Which scorer of the models folder (default)",
                "用模型文件夹中的哪个评分模型（默认 default）",
            ),
        ),
        option("threads", language).value_name("N").value_parser(thread_number(language)).help(say(
            "How many threads (default: all cores); results do not depend on it",
            "线程数（默认用全部核心）；不影响结果",
        )),
        option("json", language)
            .action(ArgAction::SetTrue)
            .help(say("Print the summary as JSON on stdout", "在标准输出打印 JSON 格式的汇总")),
        option("quiet", language)
            .short('q')
            .action(ArgAction::SetTrue)
            .help(say("No progress and no hints", "不显示进度和提示")),
        lang_option(language),
        help_option(language),
    ]
}

fn linking_options(language: Language) -> Vec<Arg> {
    let say = |en: &'static str, zh: &'static str| pick(language, en, zh);
    let mut options = vec![
        option("out", language)
            .short('o')
            .required(true)
            .value_name(say("DIR", "文件夹"))
            .value_parser(value_parser!(PathBuf))
            .help(say(
                "Folder for masters.csv, links.csv, review.csv, summary.json, report.html",
                "结果文件夹：masters.csv、links.csv、review.csv、summary.json、report.html",
            )),
        map_option(language),
    ];
    options.extend(zone_options(language));
    options.extend([
        option("many-per-node", language)
            .value_name(say("NODE", "节点"))
            .action(ArgAction::Append)
            .value_parser(value_parser!(String))
            .help(say(
                "This node may list one product several times (repeatable)",
                "该节点可以把同一商品列多次（可重复使用本选项）",
            )),
        option("carry", language).action(ArgAction::SetTrue).help(say(
            "Put the input's other columns behind master_id in masters.csv",
            "在 masters.csv 的 master_id 之后附上输入表的其他列",
        )),
        option("force", language).action(ArgAction::SetTrue).help(say(
            "Write into a folder that holds other files; those are left alone",
            "允许写入已有其他文件的文件夹；其他文件保持不动",
        )),
    ]);
    options
}

fn serve_options(language: Language) -> Vec<Arg> {
    let say = |en: &'static str, zh: &'static str| pick(language, en, zh);
    let path = |id: &'static str, env: &'static str, name: &'static str, help: &'static str| {
        option(id, language).env(env).value_name(name).value_parser(value_parser!(PathBuf)).help(help)
    };
    let (folder, file) = (say("DIR", "文件夹"), say("FILE", "文件"));
    vec![
        path(
            "config",
            "TONGPIN_CONFIG",
            file,
            say(
                "Settings as TOML; flags and environment win over it",
                "TOML 格式的设置；命令行和环境变量优先",
            ),
        ),
        path(
            "data",
            "TONGPIN_DATA",
            folder,
            say("Where the store (SQLite) is kept", "数据（SQLite）所在文件夹"),
        ),
        option("store", language)
            .env("TONGPIN_STORE")
            .value_name("postgres://…")
            .value_parser(value_parser!(String))
            .help(say("A PostgreSQL database instead", "改用 PostgreSQL 数据库")),
        option("listen", language)
            .env("TONGPIN_LISTEN")
            .value_name("IP:PORT")
            .value_parser(value_parser!(SocketAddr))
            .help(say("Where to listen (127.0.0.1:7070)", "监听地址（127.0.0.1:7070）")),
        path(
            "backups",
            "TONGPIN_BACKUPS",
            folder,
            say("Where backups go (DIR/backups)", "备份文件夹（数据文件夹/backups）"),
        ),
        path("tls-cert", "TONGPIN_TLS_CERT", file, say("Certificate (PEM)", "证书（PEM）")),
        path("tls-key", "TONGPIN_TLS_KEY", file, say("Its key (PEM)", "证书私钥（PEM）")),
        path(
            "tls-client-ca",
            "TONGPIN_TLS_CLIENT_CA",
            file,
            say("Callers must show a certificate of these authorities", "要求客户端出示由此机构签发的证书"),
        ),
        option("traces", language)
            .env("TONGPIN_TRACES")
            .value_name("http://HOST:4317")
            .value_parser(value_parser!(String))
            .help(say(
                "Send traces of calls to this OpenTelemetry collector (OTLP over gRPC); off by default",
                "把调用跟踪发送到此 OpenTelemetry 收集器（OTLP/gRPC）；默认不发送",
            )),
    ]
}

fn server_options(language: Language) -> [Arg; 5] {
    let say = |en: &'static str, zh: &'static str| pick(language, en, zh);
    let path = |id: &'static str, help: &'static str| {
        option(id, language).value_name(say("FILE", "文件")).value_parser(value_parser!(PathBuf)).help(help)
    };
    [
        option("server", language).value_name("http://HOST:PORT").value_parser(value_parser!(String)).help(
            say(
                "The running service that does it (http:// or https://)",
                "由此运行中的服务来做（http:// 或 https://）",
            ),
        ),
        option("key", language)
            .env("TONGPIN_KEY")
            .value_name(say("KEY", "密钥"))
            .value_parser(value_parser!(String))
            .help(say(
                "Its key; better given as TONGPIN_KEY, which others on the machine do not see",
                "服务的密钥；最好用环境变量 TONGPIN_KEY 给出，以免被同机他人看到",
            )),
        path(
            "server-ca",
            say("Whom to believe its certificate (PEM), for https", "https 时信任的证书机构（PEM）"),
        )
        .requires("server"),
        path("cert", say("Certificate to show (PEM), where it asks for one", "服务要求时出示的证书（PEM）"))
            .requires_all(["server", "cert-key"]),
        path("cert-key", say("Its key (PEM)", "该证书的私钥（PEM）")).requires_all(["server", "cert"]),
    ]
}

fn map_option(language: Language) -> Arg {
    option("map", language)
        .value_name(pick(language, "FIELD=HEADER,...", "字段=列名,..."))
        .action(ArgAction::Append)
        .value_parser(move |text: &str| {
            text.parse::<ColumnMap>().map_err(|e| crate::failure::table(&e, language))
        })
        .help(pick(
            language,
            "Which column is what, where the header does not tell: name=品名,sku=编码",
            "列名认不出时指定哪一列是什么：name=品名,sku=编码",
        ))
}

fn fitting_options(language: Language) -> Vec<Arg> {
    let say = |en: &'static str, zh: &'static str| pick(language, en, zh);
    vec![
        option("out", language)
            .short('o')
            .required(true)
            .value_name(say("DIR", "文件夹"))
            .value_parser(value_parser!(PathBuf))
            .help(say(
                "The new models folder, for --models of later runs; never the one that is read",
                "新的模型文件夹，供以后用 --models 指定；不能是正在读取的那个",
            )),
        map_option(language),
        option("target", language).value_name("0.5..1").value_parser(precision(language)).help(say(
            "Precision that the auto zone is to be proved to have, with 95% confidence (0.95)",
            "自动区要以 95% 的把握达到的准确率（默认 0.95）",
        )),
        option("seed", language)
            .value_name("N")
            .value_parser(value_parser!(u64))
            .help(say("Another split and other draws (1)", "换一种划分和抽样（默认 1）")),
    ]
}

fn precision(language: Language) -> impl Fn(&str) -> Result<f64, String> + Clone + Send + Sync {
    move |text| match text.parse::<f64>() {
        Ok(number) if (0.5..1.0).contains(&number) => Ok(number),
        _ => Err(pick(language, "give a number from 0.5 to below 1", "请给 0.5 到 1 之间的数（不含 1）")
            .to_owned()),
    }
}

fn zone_options(language: Language) -> [Arg; 2] {
    let say = |en: &'static str, zh: &'static str| pick(language, en, zh);
    let one = |id, help| option(id, language).value_name("0..1").value_parser(share(language)).help(help);
    [
        one(
            "auto",
            say("Link by machine from this confidence on (0.85)", "从此置信度起自动关联（默认 0.85）"),
        ),
        one(
            "review",
            say("Ask a person from this confidence on (0.15)", "从此置信度起请人确认（默认 0.15）"),
        ),
    ]
}

fn share(language: Language) -> impl Fn(&str) -> Result<f64, String> + Clone + Send + Sync {
    move |text| match text.parse::<f64>() {
        Ok(number) if (0.0..=1.0).contains(&number) => Ok(number),
        _ => Err(pick(language, "give a number from 0 to 1", "请给 0 到 1 之间的数").to_owned()),
    }
}

fn thread_number(language: Language) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync {
    move |text| match text.parse::<usize>() {
        Ok(number) if (1..=1024).contains(&number) => Ok(number),
        _ => Err(pick(language, "give a number from 1 to 1024", "请给 1 到 1024 之间的数").to_owned()),
    }
}

const EXIT_CODES_EN: &str = "\
Exit codes:
  0    done
  1    error
  2    wrong usage
  3    done, but some rows were rejected (see rejected.csv)
  4    train: the new model would be worse, so none was written
  130  stopped by Ctrl-C

Begin with: tongpin demo";
const EXIT_CODES_ZH: &str = "\
退出码：
  0    完成
  1    出错
  2    用法不对
  3    完成，但有些行未被采用（见 rejected.csv）
  4    train：新模型会更差，因此没有写出
  130  被 Ctrl-C 中止

先试试：tongpin demo";
const RECORDS_EN: &str = "\
Columns: node, sku, name; optionally brand, spec, unit, category, gtin, description, price.
Usual headers in Chinese and English are recognised (门店, 货号, 品名, id, title ...).
Text may be UTF-8, GB18030 or UTF-16. Rows that cannot be used go to rejected.csv (exit code 3).";
const RECORDS_ZH: &str = "\
列：节点、编码、名称；可另有品牌、规格、单位、类别、条码、描述、价格。
常见的中英文列名都认得（门店、货号、品名、id、title……）。
文本可以是 UTF-8、GB18030 或 UTF-16 编码。不能用的行写入 rejected.csv（退出码 3）。";

const TABLES_EN: &str = "Tables with node, sku, name: .csv .tsv .txt .jsonl .xlsx .xls (of several files, one without a node column is a node)";
const TABLES_ZH: &str = "含节点、编码、名称的表：.csv .tsv .txt .jsonl .xlsx .xls（给出多个文件时，没有节点列的文件整个算一个节点）";
const LOAD_EN: &str = "\
The run's groups become masters under the ids of its masters.csv, its links become links; what the
service would part or ask becomes questions. Nothing is torn apart. Stop a service on this store first.";
const LOAD_ZH: &str = "\
该次运行的分组成为主档（编号沿用 masters.csv），其关联成为关联；服务有异议之处成为待确认的问题，不会拆散任何分组。
请先停止正在使用此数据的服务。";

const LABELLED_EN: &str = "Tables as for score, with a column label (1/0, same/different, 是/否)";
const LABELLED_ZH: &str = "与 score 相同的表，另有 label 列（1/0、same/different、是/否）";
const LABELS_EN: &str = "\
Columns: left_name, right_name, label; optionally left_brand, right_spec, left_price ... as for score.
The models folder written holds the names of the labelled pairs: treat it as you treat them.";
const LABELS_ZH: &str = "\
列：left_name、right_name、label；可另有 left_brand、right_spec、left_price 等，与 score 相同。
写出的模型文件夹里存有已标注的名称，请按同样的保密要求保管。";

/// What clap has to say instead of a call: help, the version, or what is wrong.
pub struct Answer(clap::Error);

impl Answer {
    pub fn print(&self, language: Language) -> ExitCode {
        if !self.0.use_stderr() {
            let _ = self.0.print();
            return ExitCode::SUCCESS;
        }
        match language {
            Language::En => {
                let _ = self.0.print();
            }
            Language::Zh => eprintln!("{}", self.chinese()),
        }
        ExitCode::from(2)
    }

    fn chinese(&self) -> String {
        let context = |kind| match self.0.get(kind) {
            Some(ContextValue::String(text)) => text.clone(),
            Some(ContextValue::Strings(texts)) => texts.join("、"),
            Some(ContextValue::StyledStr(text)) => text.to_string(),
            _ => String::new(),
        };
        let (arg, value) = (context(ContextKind::InvalidArg), context(ContextKind::InvalidValue));
        let source = std::error::Error::source(&self.0).map(|e| e.to_string()).unwrap_or_default();
        let what = match self.0.kind() {
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => return self.0.render().to_string(),
            ErrorKind::MissingSubcommand => {
                "缺少命令：link、import、load、match、score、explain、train、calibrate、demo、serve 或 user"
                    .to_owned()
            }
            ErrorKind::UnknownArgument => format!("不认识的参数 {arg}"),
            ErrorKind::InvalidSubcommand => {
                format!("没有这个命令：{}", context(ContextKind::InvalidSubcommand))
            }
            ErrorKind::MissingRequiredArgument => format!("缺少参数：{arg}"),
            ErrorKind::ArgumentConflict => format!("参数 {arg} 重复或互相冲突"),
            ErrorKind::InvalidValue if value.is_empty() => format!("参数 {arg} 需要一个值"),
            ErrorKind::InvalidValue | ErrorKind::ValueValidation if !arg.is_empty() => {
                let valid = context(ContextKind::ValidValue);
                let hint = if valid.is_empty() { source } else { format!("可用的值：{valid}") };
                format!("参数 {arg} 的值 '{value}' 不对；{hint}")
            }
            ErrorKind::TooManyValues => format!("参数 {arg} 多了一个值 '{value}'"),
            ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => format!("参数 {arg} 的值太少"),
            _ => self.0.to_string().trim_start_matches("error: ").trim().to_owned(),
        };
        format!("错误：{what}\n更多用法请看：tongpin --help")
    }
}

/// The name of a path as a message shows it.
pub fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_agrees_with_itself() {
        for language in [Language::En, Language::Zh] {
            command(language).debug_assert();
        }
    }

    #[test]
    fn chinese_help_has_no_english_headings() {
        let mut root = command(Language::Zh);
        root.build();
        let names: Vec<String> = root.get_subcommands().map(|s| s.get_name().to_owned()).collect();
        for name in names {
            let help = root.find_subcommand_mut(&name).expect("a subcommand").render_long_help().to_string();
            for heading in ["Usage", "Options", "Arguments", "Print", "default:", "possible"] {
                assert!(!help.contains(heading), "{name}: {heading} in\n{help}");
            }
        }
    }

    #[test]
    fn zones_keep_their_order() {
        let call = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            match parse(&words, Language::En) {
                Ok(Call { task: Task::Explain { zones, .. }, .. }) => Some((zones.auto, zones.review)),
                _ => None,
            }
        };
        assert_eq!(call("tongpin explain a b"), Some((0.85, 0.15)));
        assert_eq!(call("tongpin explain a b --auto 0.1"), Some((0.1, 0.1)));
        assert_eq!(call("tongpin explain a b --auto 0.5 --review 0.6"), None);
        assert_eq!(call("tongpin explain a b --auto 1.5"), None);
    }
}
