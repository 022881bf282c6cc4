//! What the records of the demo are about, and who wrote them.

/// A text in its language and, in Japanese, how it is read.
#[derive(Debug)]
pub(super) struct Phrase {
    pub(super) text: &'static str,
    /// In katakana.
    pub(super) kana: &'static str,
    /// In Latin letters.
    pub(super) latin: &'static str,
}

/// A subject, in words and as a number of the Nippon Decimal Classification.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) title: Phrase,
    pub(super) subject: &'static str,
    pub(super) ndc: &'static str,
}

/// What is written in one language.
#[derive(Debug)]
pub(super) struct Language {
    /// ISO 639-1, as in `xml:lang`.
    pub(super) code: &'static str,
    /// ISO 639-3.
    pub(super) code3: &'static str,
    /// ISO 639-2/B, as in MARC 21.
    pub(super) marc: &'static str,
    /// Between a title and what is behind it.
    pub(super) colon: &'static str,
    /// Between two sentences.
    pub(super) space: &'static str,
    /// What a second version says of itself; `#` is its number.
    pub(super) edition: &'static str,
    pub(super) topics: &'static [Topic],
    pub(super) angles: &'static [Phrase],
    pub(super) sentences: &'static [&'static str],
    pub(super) families: &'static [Phrase],
    pub(super) givens: &'static [Phrase],
    pub(super) publishers: &'static [&'static str],
    /// What is observed at research stations.
    pub(super) observations: &'static [&'static str],
    pub(super) stations: &'static [Station],
}

/// Where data is collected.
#[derive(Debug)]
pub(super) struct Station {
    pub(super) name: &'static str,
    /// Degrees east.
    pub(super) longitude: f64,
    /// Degrees north.
    pub(super) latitude: f64,
}

/// Without a reading.
const fn plain(text: &'static str) -> Phrase {
    Phrase { text, kana: "", latin: "" }
}

const fn read(text: &'static str, kana: &'static str, latin: &'static str) -> Phrase {
    Phrase { text, kana, latin }
}

const fn topic(title: &'static str, subject: &'static str, ndc: &'static str) -> Topic {
    Topic { title: plain(title), subject, ndc }
}

const fn station(name: &'static str, longitude: f64, latitude: f64) -> Station {
    Station { name, longitude, latitude }
}

pub(super) static ENGLISH: Language = Language {
    code: "en",
    code3: "eng",
    marc: "eng",
    colon: ": ",
    space: " ",
    edition: "Version #, revised",
    topics: &[
        topic("Early printed maps of Bohemia", "Cartography", "290.38"),
        topic("Water quality in urban catchments", "Hydrology", "452.9"),
        topic("Parish registers and migration", "Demography", "334.2"),
        topic("Machine reading of historical newspapers", "Digital libraries", "010.7"),
        topic("Wood decay in timber-framed houses", "Materials science", "524.21"),
        topic("The reception of Dvořák's operas", "Music history", "762"),
        topic("Pollen records from alpine lakes", "Palaeoecology", "457"),
        topic("Bilingual schooling in border towns", "Education", "372"),
        topic("Open access & the small learned society", "Scholarly publishing", "023"),
        topic("Stability of floating structures", "Naval engineering", "551"),
        topic("O'Neill's notebooks", "Literary history", "930.26"),
        topic("Trade routes of the Ryūkyū Kingdom", "Economic history", "219.9"),
    ],
    angles: &[
        plain("a bibliography"),
        plain("evidence from the archives"),
        plain("a comparative study"),
        plain("methods & limits"),
        plain("what the numbers show"),
        plain("a reassessment"),
        plain("a catalogue of sources"),
        plain("a field report"),
    ],
    sentences: &[
        "The study rests on sources that have not been used before.",
        "Two methods are compared, and their results differ less than expected (p < 0.05).",
        "All data, code & documentation are available from the repository.",
        "The author argues that the accepted chronology has to be moved by a decade.",
        "Measurements were repeated in every season over a period of four years.",
        "An appendix lists the manuscripts by shelf mark.",
        "The façade, the naïve reading and the résumé are taken in turn.",
        "Costs fell by 12 % once the procedure had been automated.",
    ],
    families: &[
        plain("Smith"),
        plain("O'Neill"),
        plain("Clarke"),
        plain("Ferguson"),
        plain("van der Berg"),
        plain("Nguyễn"),
        plain("Brontë"),
        plain("Okonkwo"),
    ],
    givens: &[
        plain("Alice"),
        plain("Thomas J."),
        plain("Maria"),
        plain("Peter"),
        plain("Joanna K."),
        plain("Ruth"),
        plain("Seán"),
        plain("Zoë"),
    ],
    publishers: &[
        "University of Northmoor Press",
        "Smith & Sons Academic",
        "Northmoor Historical Society",
    ],
    observations: &[
        "Stream chemistry",
        "Leaf litter fall",
        "Ground beetle counts",
        "Snow depth & density",
        "Net primary production",
        "Breeding bird survey",
    ],
    stations: &[
        station("Coweeta Hydrologic Laboratory", -83.43, 35.06),
        station("Georgia Coastal Ecosystems", -81.28, 31.43),
        station("Niwot Ridge", -105.59, 40.05),
    ],
};

pub(super) static CZECH: Language = Language {
    code: "cs",
    code3: "ces",
    marc: "cze",
    colon: ": ",
    space: " ",
    edition: "#. vydání, opravené",
    topics: &[
        topic("Staré mapy Čech a Moravy", "Kartografie", "290.38"),
        topic("Jakost vody v městských povodích", "Hydrologie", "452.9"),
        topic("Žáci a učitelé venkovských škol", "Dějiny školství", "372"),
        topic("Strojové čtení dobového tisku", "Digitální knihovny", "010.7"),
        topic("Dřevěné kostely v Beskydech", "Památková péče", "521.8"),
        topic("Ohlasy Dvořákových oper", "Dějiny hudby", "762"),
        topic("Rašeliniště Šumavy", "Ekologie", "468"),
        topic("Příjmení v matrikách 18. století", "Onomastika", "288.1"),
        topic("Slovník středního stavu & jeho prameny", "Jazykověda", "813"),
        topic("Hornictví v Krušných horách", "Hospodářské dějiny", "560.9"),
        topic("Účinnost tepelných čerpadel", "Energetika", "533"),
        topic("Veršované kroniky", "Literární historie", "989.51"),
    ],
    angles: &[
        plain("soupis pramenů"),
        plain("příspěvek k dějinám"),
        plain("srovnávací studie"),
        plain("metody a meze"),
        plain("nové poznatky"),
        plain("řeč čísel"),
        plain("kritické vydání"),
        plain("zpráva z výzkumu"),
    ],
    sentences: &[
        "Práce vychází z dosud nevyužitých archivních pramenů.",
        "Obě metody se liší méně, než se čekalo (p < 0,05).",
        "Data, kód & dokumentace jsou uloženy v repozitáři.",
        "Autorka ukazuje, že přijímanou chronologii je třeba posunout o deset let.",
        "Měření se opakovala v každém ročním období po čtyři roky.",
        "Příloha obsahuje soupis rukopisů podle signatur.",
        "Příliš žluťoučký kůň úpěl ďábelské ódy.",
        "Náklady po zavedení postupu klesly o 12 %.",
    ],
    families: &[
        plain("Novák"),
        plain("Dvořáková"),
        plain("Černý"),
        plain("Procházková"),
        plain("Kučera"),
        plain("Šťastný"),
        plain("Jelínková"),
        plain("Říha"),
    ],
    givens: &[
        plain("Jiří"),
        plain("Tereza"),
        plain("Ondřej"),
        plain("Lucie"),
        plain("Zdeněk"),
        plain("Kateřina"),
        plain("Václav"),
        plain("Božena"),
    ],
    publishers: &["Univerzita v Žďáru", "Nakladatelství Černý & syn", "Moravská zemská společnost"],
    observations: &[
        "Chemismus potoků",
        "Výška sněhové pokrývky",
        "Početnost střevlíkovitých brouků",
        "Opad listí v bučinách",
        "Hnízdní hustota ptáků",
        "Půdní vlhkost",
    ],
    stations: &[
        station("Bílý Kříž, Beskydy", 18.54, 49.50),
        station("Plešné jezero, Šumava", 13.87, 48.78),
        station("Mokré louky u Třeboně", 14.77, 49.02),
    ],
};

/// With its reading.
const fn ja(
    title: &'static str,
    kana: &'static str,
    latin: &'static str,
    subject: &'static str,
    ndc: &'static str,
) -> Topic {
    Topic { title: read(title, kana, latin), subject, ndc }
}

#[rustfmt::skip] // which would give each word a line
pub(super) static JAPANESE: Language = Language {
    code: "ja",
    code3: "jpn",
    marc: "jpn",
    colon: "：",
    space: "",
    edition: "第#版（改訂）",
    topics: &[
        ja("京都の古地図", "キョウト ノ コチズ", "Kyōto no kochizu", "地図学", "290.38"),
        ja("都市河川の水質", "トシ カセン ノ スイシツ", "Toshi kasen no suishitsu", "水文学", "452.9"),
        ja("江戸期の寺子屋教育", "エドキ ノ テラコヤ キョウイク", "Edoki no terakoya kyōiku", "教育史", "372.1"),
        ja("歴史新聞の機械判読", "レキシ シンブン ノ キカイ ハンドク", "Rekishi shinbun no kikai handoku", "電子図書館", "010.7"),
        ja("木造町家の劣化", "モクゾウ マチヤ ノ レッカ", "Mokuzō machiya no rekka", "建築材料", "524.21"),
        ja("琉球王国の交易路", "リュウキュウ オウコク ノ コウエキロ", "Ryūkyū Ōkoku no kōekiro", "経済史", "219.9"),
        ja("高山湖の花粉分析", "コウザンコ ノ カフン ブンセキ", "Kōzanko no kafun bunseki", "古生態学", "457"),
        ja("機関リポジトリの運用", "キカン リポジトリ ノ ウンヨウ", "Kikan ripojitori no un'yō", "図書館学", "016"),
        ja("浮体構造物の安定性", "フタイ コウゾウブツ ノ アンテイセイ", "Futai kōzōbutsu no anteisei", "船舶工学", "551"),
        ja("地震活動の長期評価", "ジシン カツドウ ノ チョウキ ヒョウカ", "Jishin katsudō no chōki hyōka", "地震学", "453"),
        ja("方言語彙の分布", "ホウゲン ゴイ ノ ブンプ", "Hōgen goi no bunpu", "言語学", "818"),
        ja("睡眠と学習効果", "スイミン ト ガクシュウ コウカ", "Suimin to gakushū kōka", "心理学", "141.3"),
    ],
    angles: &[
        read("史料目録", "シリョウ モクロク", "shiryō mokuroku"),
        read("比較研究", "ヒカク ケンキュウ", "hikaku kenkyū"),
        read("方法と限界", "ホウホウ ト ゲンカイ", "hōhō to genkai"),
        read("新たな知見", "アラタ ナ チケン", "arata na chiken"),
        read("現地調査報告", "ゲンチ チョウサ ホウコク", "genchi chōsa hōkoku"),
        read("再検討", "サイケントウ", "saikentō"),
        read("数値解析", "スウチ カイセキ", "sūchi kaiseki"),
        read("資料と課題", "シリョウ ト カダイ", "shiryō to kadai"),
    ],
    sentences: &[
        "本研究は、これまで利用されてこなかった史料に基づく。",
        "二つの手法を比較した結果、有意な差は認められなかった（p < 0.05）。",
        "データ・プログラム & 説明書はリポジトリで公開している。",
        "従来の年代観は十年ほど修正されるべきである。",
        "測定は四年間にわたり季節ごとに繰り返した。",
        "付録として写本の所蔵一覧を付す。",
        "「いろは歌」の諸本を校合し、その系統を示した。",
        "自動化により費用は１２％減少した。",
    ],
    families: &[
        read("山田", "ヤマダ", "Yamada"),
        read("佐藤", "サトウ", "Satō"),
        read("鈴木", "スズキ", "Suzuki"),
        read("渡邉", "ワタナベ", "Watanabe"),
        read("齋藤", "サイトウ", "Saitō"),
        read("小林", "コバヤシ", "Kobayashi"),
        read("髙橋", "タカハシ", "Takahashi"),
        read("大野", "オオノ", "Ōno"),
    ],
    givens: &[
        read("太郎", "タロウ", "Tarō"),
        read("花子", "ハナコ", "Hanako"),
        read("健一", "ケンイチ", "Ken'ichi"),
        read("美咲", "ミサキ", "Misaki"),
        read("翔", "ショウ", "Shō"),
        read("由美子", "ユミコ", "Yumiko"),
        read("直樹", "ナオキ", "Naoki"),
        read("龍之介", "リュウノスケ", "Ryūnosuke"),
    ],
    publishers: &["北野大学", "北野大学出版会", "学術資料研究所"],
    observations: &[
        "渓流水の化学成分", "落葉落枝量", "地表性甲虫の個体数", "積雪深", "繁殖鳥類調査", "土壌水分",
    ],
    stations: &[
        station("芦生研究林", 135.76, 35.34),
        station("苫小牧研究林", 141.57, 42.67),
        station("西表島", 123.79, 24.34),
    ],
};
