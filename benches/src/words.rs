//! What the records of the corpus are about.

/// Text is written as it stands, so it is already escaped.
pub(crate) struct Language {
    pub(crate) code: &'static str,
    pub(crate) space: &'static str,
    pub(crate) stop: &'static str,
    pub(crate) words: &'static [&'static str],
    pub(crate) families: &'static [&'static str],
    pub(crate) givens: &'static [&'static str],
    pub(crate) subjects: &'static [&'static str],
    pub(crate) publishers: &'static [&'static str],
}

#[rustfmt::skip] // which would give each word a line
pub(crate) static ENGLISH: Language = Language {
    code: "en",
    space: " ",
    stop: ".",
    words: &[
        "analysis", "of", "the", "numerical", "stability", "and", "water", "quality", "in",
        "urban", "catchments", "with", "a", "study", "on", "machine", "learning", "for",
        "historical", "newspapers", "preservation", "library", "collections", "digital",
        "archives", "methods", "were", "compared", "results", "show", "that", "significant",
        "temperature", "dependence", "material", "properties", "under", "load", "by", "means",
        "research", "&amp;", "development", "public", "policy", "education", "language", "corpus",
        "based", "approach", "p &lt; 0.05",
    ],
    families: &[
        "Smith", "O'Neill", "Johnson", "Clarke", "Ferguson", "van der Berg", "Nguyen",
    ],
    givens: &[
        "Alice", "Thomas J.", "Maria", "Peter", "Joanna K.", "David", "Ruth",
    ],
    subjects: &[
        "hydrology", "machine learning", "digital preservation", "Science &amp; Technology",
        "linguistics", "materials science", "open access", "history of medicine",
    ],
    publishers: &[
        "University of Bench", "Smith &amp; Sons Academic Press", "Bench Society Journals",
    ],
};

#[rustfmt::skip] // which would give each word a line
pub(crate) static CZECH: Language = Language {
    code: "cs",
    space: " ",
    stop: ".",
    words: &[
        "analýza", "numerické", "stability", "a", "jakost", "vody", "v", "městských", "povodích",
        "příspěvek", "k", "dějinám", "českého", "školství", "žáků", "středních", "škol", "řešení",
        "úlohy", "pomocí", "neuronových", "sítí", "výsledky", "ukazují", "že", "závislost",
        "teploty", "materiálu", "je", "významná", "práce", "se", "zabývá", "vývojem", "&amp;",
        "knihovních", "fondů", "ochrana", "přírody", "účinnost", "systému", "ve", "srovnání", "s",
        "předchozími", "pracemi", "důraz", "na", "udržitelný", "rozvoj",
    ],
    families: &[
        "Novák", "Dvořáková", "Černý", "Procházková", "Kučera", "Šťastný", "Jelínková",
    ],
    givens: &[
        "Jiří", "Tereza", "Ondřej", "Lucie", "Zdeněk", "Kateřina", "Václav",
    ],
    subjects: &[
        "hydrologie", "strojové učení", "ochrana fondů", "věda &amp; technika", "jazykověda",
        "nauka o materiálu", "otevřený přístup", "dějiny lékařství",
    ],
    publishers: &[
        "Vysoká škola báňská", "Univerzita v Žďáru", "Nakladatelství Černý &amp; syn",
    ],
};

#[rustfmt::skip] // which would give each word a line
pub(crate) static JAPANESE: Language = Language {
    code: "ja",
    space: "",
    stop: "。",
    words: &[
        "都市域における", "水質の", "数値解析と", "安定性に関する", "研究", "機械学習を用いた",
        "歴史資料の", "保存と", "活用について", "図書館", "コレクションの", "デジタル化",
        "本論文では", "提案手法の", "有効性を", "検証した", "その結果", "温度依存性が",
        "顕著であることを", "明らかにした", "教育政策の", "比較分析", "および", "材料特性の",
        "評価",
    ],
    families: &[
        "山田", "佐藤", "鈴木", "高橋", "渡邉", "小林", "齋藤",
    ],
    givens: &[
        "太郎", "花子", "健一", "美咲", "翔", "由美子", "直樹",
    ],
    subjects: &[
        "水文学", "機械学習", "デジタル保存", "科学技術", "言語学", "材料科学",
        "オープンアクセス", "医学史",
    ],
    publishers: &[
        "ベンチ大学", "ベンチ大学出版会", "学術資料研究所",
    ],
};
