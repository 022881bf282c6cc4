//! Related resources, as the standard shows them (§14).

use super::Example;

pub(crate) const LINKING: &[Example] = &[
    Example {
        section: "14",
        name: "mirrors, the best first",
        is: "urlset resourcelist 1",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-c/capabilities.xml"/>
  <rs:md capability="resourcelist" at="2024-04-01T06:00:00Z"/>
  <url>
    <loc>https://data.example.org/c/film</loc>
    <lastmod>2023-01-02T13:00:00Z</lastmod>
    <rs:md hash="md5:4a8a08f09d37b73795649038408b5f33" length="90210" type="video/mp4"/>
    <rs:ln rel="duplicate" pri="1" href="https://near.example.net/film"
           modified="2023-01-02T13:00:00Z"/>
    <rs:ln rel="duplicate" pri="2" href="https://far.example.com/c/film"/>
    <rs:ln rel="duplicate" pri="999999" href="gsiftp://tape.example.com/c/film"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "14",
        name: "one address of several representations",
        is: "urlset changelist 1",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-c/capabilities.xml"/>
  <rs:md capability="changelist" from="2024-04-01T00:00:00Z"/>
  <url>
    <loc>https://data.example.org/c/page</loc>[L:2024-04-01T01:02:03Z]
    <rs:md change="updated"[D:2024-04-01T01:02:03Z]/>
    <rs:ln rel="alternate" href="https://data.example.org/c/page.html" type="text/html"
           modified="2024-04-01T01:02:03Z"/>
    <rs:ln rel="alternate" href="https://data.example.org/c/page.pdf" type="application/pdf"
           length="90"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "14",
        name: "a representation of an address of several",
        is: "urlset changelist 1",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-c/capabilities.xml"/>
  <rs:md capability="changelist" from="2024-04-01T00:00:00Z"/>
  <url>
    <loc>https://data.example.org/c/page.html</loc>[L:2024-04-01T01:02:03Z]
    <rs:md change="updated"[D:2024-04-01T01:02:03Z] type="text/html" length="180"/>
    <rs:ln rel="canonical" href="https://data.example.org/c/page"
           modified="2024-04-01T01:02:03Z"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "14",
        name: "the difference between two versions",
        is: "urlset changelist 1",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-c/capabilities.xml"/>
  <rs:md capability="changelist" from="2024-04-01T00:00:00Z" until="2024-04-02T00:00:00Z"/>
  <url>
    <loc>https://data.example.org/c/table.json</loc>[L:2024-04-01T17:00:00Z]
    <rs:md change="updated"[D:2024-04-01T17:00:00Z] type="application/json" length="60000"/>
    <rs:ln rel="http://www.openarchives.org/rs/terms/patch"
           href="https://data.example.org/c/table.json-patch" type="application/json-patch"
           modified="2024-04-01T17:00:00Z" length="73"
           hash="sha-1:e9d71f5ee7c92d6dc9e92ffdad17b8bd49418f98"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "14",
        name: "a difference in a package",
        is: "urlset changedump-manifest 1",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-c/capabilities.xml"/>
  <rs:md capability="changedump-manifest" from="2024-04-01T00:00:00Z"/>
  <url>
    <loc>https://data.example.org/c/table.json</loc>[L:2024-04-01T17:00:00Z]
    <rs:md change="updated"[D:2024-04-01T17:00:00Z] type="application/json" length="60000"
           path="/c/table.json"/>
    <rs:ln rel="http://www.openarchives.org/rs/terms/patch"
           href="https://data.example.org/c/table.json-patch" type="application/json-patch"
           path="/c/table.json-patch" length="73"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "14",
        name: "a resource and its metadata",
        is: "urlset resourcelist 2",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-c/capabilities.xml"/>
  <rs:md capability="resourcelist" at="2024-04-01T06:00:00Z"/>
  <url>
    <loc>https://data.example.org/c/thesis.pdf</loc>
    <lastmod>2020-02-29T00:00:00Z</lastmod>
    <rs:md length="44000" type="application/pdf"/>
    <rs:ln rel="describedby" href="https://data.example.org/c/thesis.dc"
           type="application/xml"/>
  </url>
  <url>
    <loc>https://data.example.org/c/thesis.dc</loc>
    <lastmod>2020-03-01T00:00:00Z</lastmod>
    <rs:md type="application/xml"/>
    <rs:ln rel="describes" href="https://data.example.org/c/thesis.pdf"
           type="application/pdf"/>
    <rs:ln rel="profile" href="http://purl.org/dc/elements/1.1/"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "14",
        name: "older versions",
        is: "urlset changelist 1",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-c/capabilities.xml"/>
  <rs:md capability="changelist" from="2024-04-01T00:00:00Z"/>
  <url>
    <loc>https://data.example.org/c/wiki</loc>[L:2024-04-01T20:00:00Z]
    <rs:md change="updated"[D:2024-04-01T20:00:00Z] type="text/html" length="1"/>
    <rs:ln rel="memento" href="https://data.example.org/20240401200000/c/wiki"
           modified="2024-04-01T20:00:00Z" type="text/html" length="1"/>
    <rs:ln rel="timegate" href="https://data.example.org/timegate/c/wiki"/>
    <rs:ln rel="timemap" href="https://data.example.org/timemap/c/wiki"
           type="application/link-format"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "14",
        name: "a member of collections",
        is: "urlset resourcelist 1",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-c/capabilities.xml"/>
  <rs:md capability="resourcelist" at="2024-04-01T06:00:00Z"/>
  <url>
    <loc>https://data.example.org/c/record/7</loc>
    <rs:ln rel="collection" href="https://data.example.org/oai/sets/maps"/>
    <rs:ln rel="collection" href="https://data.example.org/oai/sets/atlas"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "14",
        name: "a change taken over from another source",
        is: "urlset changelist 1",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://copy.example.net/capabilities.xml"/>
  <rs:md capability="changelist" from="2024-04-01T00:00:00Z" until="2024-04-02T00:00:00Z"/>
  <url>
    <loc>https://copy.example.net/7</loc>[L:2024-04-01T20:01:00Z]
    <rs:md change="updated"[D:2024-04-01T20:01:00Z]
           hash="md5:4a8a08f09d37b73795649038408b5f33"/>
    <rs:ln rel="via" href="https://data.example.org/c/record/7"
           modified="2024-04-01T19:30:00Z" length="310" type="text/html"
           hash="md5:4a8a08f09d37b73795649038408b5f33"/>
  </url>
</urlset>"#,
    },
];

/// Beyond the examples of the standard itself: a message of each kind of notification, an index of
/// Source Descriptions, an ordinary Sitemap's extension, and other prefixes.
pub(crate) const MORE: &[Example] = &[
    Example {
        section: "8",
        name: "an index of Source Descriptions",
        is: "sitemapindex description 1",
        xml: r#"<sitemapindex>
  <rs:md capability="description"/>
  <sitemap><loc>https://data.example.org/east/description.xml</loc></sitemap>
</sitemapindex>"#,
    },
    Example {
        section: "Change Notification",
        name: "a message of changes",
        is: "urlset change-notification 1",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-b/capabilities.xml"/>
  <rs:md capability="change-notification"/>
  <url>
    <loc>https://data.example.org/b/93.epub</loc>[L:2024-03-04T09:00:00Z]
    <rs:md change="updated"[D:2024-03-04T09:00:00Z]/>
  </url>
</urlset>"#,
    },
    Example {
        section: "Framework Notification",
        name: "a message of a changed document",
        is: "urlset framework-notification 1",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/.well-known/resourcesync"/>
  <rs:md capability="framework-notification"/>
  <url>
    <loc>https://data.example.org/set-b/resources.xml</loc>
    <rs:md change="updated" capability="resourcelist"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "7",
        name: "a list with an extension of Sitemaps and attributes of a community",
        is: "urlset resourcelist 1",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-c/capabilities.xml"/>
  <rs:md capability="resourcelist" at="2024-04-01" xmlns:x="urn:example:x" x:grade="1"/>
  <url>
    <loc>https://data.example.org/c/picture</loc>
    <image xmlns="urn:example:image"><loc>https://data.example.org/c/p.png</loc></image>
  </url>
</urlset>"#,
    },
];
