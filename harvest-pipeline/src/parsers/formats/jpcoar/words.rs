//! The vocabularies of JPCOAR 1.0, 2.0 and 2.1, together.

pub(super) const THESES: &[&str] =
    &["thesis", "bachelor thesis", "master thesis", "doctoral thesis"];

#[rustfmt::skip]
pub(super) const RESOURCE_TYPES: &[&str] = &[
    "conference paper", "data paper", "departmental bulletin paper", "editorial", "journal",
    "journal article", "newspaper", "periodical", "review article", "other periodical",
    "software paper", "article", "magazine article", "book", "book part", "cartographic material",
    "map", "archival collection", "collection", "court documents", "conference object",
    "conference output", "conference presentation", "conference proceedings", "conference poster",
    "aggregated data", "clinical trial data", "compiled data", "dataset", "encoded data",
    "experimental data", "genomic data", "geospatial data", "laboratory notebook",
    "measurement and test data", "observational data", "recorded data", "simulation data",
    "survey data", "image", "still image", "moving image", "video", "lecture", "design patent",
    "patent", "PCT application", "plant patent", "plant variety protection", "software patent",
    "trademark", "utility model", "internal report", "report", "research report",
    "technical report", "policy report", "report part", "working paper", "data management plan",
    "knowledge synthesis protocol", "sound", "thesis", "bachelor thesis", "master thesis",
    "doctoral thesis", "artistic work", "commentary", "design", "industrial design", "interview",
    "interactive resource", "knowledge organization system", "layout design", "learning object",
    "manuscript", "musical notation", "peer review", "physical sample", "research instrument",
    "research proposal", "research protocol", "software", "source code",
    "technical documentation", "transcription", "workflow", "other",
];

pub(super) const ACCESS_RIGHTS: &[&str] =
    &["embargoed access", "metadata only access", "open access", "restricted access"];

pub(super) const DATE_TYPES: &[&str] = &[
    "Accepted",
    "Available",
    "Collected",
    "Copyrighted",
    "Coverage",
    "Created",
    "Issued",
    "Submitted",
    "Updated",
    "Valid",
];

pub(super) const DESCRIPTION_TYPES: &[&str] =
    &["Abstract", "Methods", "TableOfContents", "TechnicalInfo", "Other"];

pub(super) const IDENTIFIER_TYPES: &[&str] = &["DOI", "HDL", "URI"];

pub(super) const SOURCE_IDENTIFIER_TYPES: &[&str] = &["PISSN", "EISSN", "ISBN", "ISSN", "NCID"];

pub(super) const REGISTRATION_AGENCIES: &[&str] = &["JaLC", "Crossref", "DataCite", "PMID"];

pub(super) const NAME_IDENTIFIER_SCHEMES: &[&str] = &[
    "e-Rad",
    "e-Rad_Researcher",
    "NRID",
    "ORCID",
    "ISNI",
    "VIAF",
    "AID",
    "kakenhi",
    "Ringgold",
    "GRID",
    "ROR",
];

/// The order of the elements in the schema.
#[rustfmt::skip]
pub(super) const ORDER: [&str; 45] = [
    "dc:title", "dcterms:alternative", "jpcoar:creator", "jpcoar:contributor",
    "dcterms:accessRights", "rioxxterms:apc", "dc:rights", "jpcoar:rightsHolder",
    "jpcoar:subject", "datacite:description", "dc:publisher", "jpcoar:publisher",
    "datacite:date", "dcterms:date", "dc:language", "dc:type", "datacite:version",
    "oaire:version", "jpcoar:identifier", "jpcoar:identifierRegistration", "jpcoar:relation",
    "dcterms:temporal", "datacite:geoLocation", "jpcoar:fundingReference",
    "jpcoar:sourceIdentifier", "dcndl:edition", "dcndl:volumeTitle", "dcndl:originalLanguage",
    "dcterms:extent", "jpcoar:format", "jpcoar:holdingAgent", "jpcoar:datasetSeries",
    "jpcoar:sourceTitle", "jpcoar:volume", "jpcoar:issue", "jpcoar:numPages",
    "jpcoar:pageStart", "jpcoar:pageEnd", "dcndl:dissertationNumber", "dcndl:degreeName",
    "dcndl:dateGranted", "jpcoar:degreeGrantor", "jpcoar:conference", "jpcoar:file",
    "jpcoar:catalog",
];
