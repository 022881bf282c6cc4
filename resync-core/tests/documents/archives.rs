//! Older documents, as ResourceSync Archives shows them.

use super::Example;

pub(crate) const ARCHIVES: &[Example] = &[
    Example {
        section: "Archives",
        name: "a Capability List with archives",
        is: "urlset capabilitylist 5",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://old.example.org/.well-known/resourcesync"/>
  <rs:md capability="capabilitylist"/>
  <url>
    <loc>https://old.example.org/resources.xml</loc>
    <rs:md capability="resourcelist"/>
  </url>
  <url>
    <loc>https://old.example.org/resources-archive.xml</loc>
    <rs:md capability="resourcelist-archive"/>
  </url>
  <url>
    <loc>https://old.example.org/dumps-archive.xml</loc>
    <rs:md capability="resourcedump-archive"/>
  </url>
  <url>
    <loc>https://old.example.org/changes-archive.xml</loc>
    <rs:md capability="changelist-archive"/>
  </url>
  <url>
    <loc>https://old.example.org/changedumps-archive.xml</loc>
    <rs:md capability="changedump-archive"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "Archives",
        name: "older Resource Lists",
        is: "urlset resourcelist-archive 2",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://old.example.org/capabilities.xml"/>
  <rs:md capability="resourcelist-archive" from="2021-01-01T00:00:00Z"/>
  <url>
    <loc>https://old.example.org/2021/resources.xml</loc>
    <rs:md at="2021-01-01T00:00:00Z" completed="2021-01-01T00:20:00Z"/>
  </url>
  <url>
    <loc>https://old.example.org/2022/resources.xml</loc>
    <rs:md at="2022-01-01T00:00:00Z"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "Archives",
        name: "older Resource Dumps",
        is: "urlset resourcedump-archive 1",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://old.example.org/capabilities.xml"/>
  <rs:md capability="resourcedump-archive"/>
  <url>
    <loc>https://old.example.org/2021/dump.xml</loc>
    <lastmod>2021-01-02T00:00:00Z</lastmod>
    <rs:md at="2021-01-01T00:00:00Z" completed="2021-01-01T08:00:00Z"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "Archives",
        name: "older Change Lists",
        is: "urlset changelist-archive 2",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://old.example.org/capabilities.xml"/>
  <rs:md capability="changelist-archive"/>
  <url>
    <loc>https://old.example.org/2021/changes.xml</loc>
    <rs:md from="2021-01-01T00:00:00Z" until="2022-01-01T00:00:00Z"/>
  </url>
  <url>
    <loc>https://old.example.org/2022/changes.xml</loc>
    <rs:md from="2022-01-01T00:00:00Z" until="2023-01-01T00:00:00Z"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "Archives",
        name: "older Change Dumps",
        is: "urlset changedump-archive 1",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://old.example.org/capabilities.xml"/>
  <rs:md capability="changedump-archive"/>
  <url>
    <loc>https://old.example.org/2021/changedump.xml</loc>
    <rs:md from="2021-01-01T00:00:00Z" until="2022-01-01T00:00:00Z"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "Archives",
        name: "an index of older Change Lists",
        is: "sitemapindex changelist-archive 2",
        xml: r#"<sitemapindex>
  <rs:ln rel="up" href="https://old.example.org/capabilities.xml"/>
  <rs:md capability="changelist-archive"/>
  <sitemap>
    <loc>https://old.example.org/changes-archive-1.xml</loc>
    <rs:md from="2001-01-01T00:00:00Z" until="2011-01-01T00:00:00Z"/>
  </sitemap>
  <sitemap>
    <loc>https://old.example.org/changes-archive-2.xml</loc>
    <rs:md from="2011-01-01T00:00:00Z" until="2023-01-01T00:00:00Z"/>
  </sitemap>
</sitemapindex>"#,
    },
    Example {
        section: "Archives",
        name: "a Change List that leads to its archive",
        is: "urlset changelist 1",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://old.example.org/capabilities.xml"/>
  <rs:ln rel="archives" href="https://old.example.org/changes-archive.xml"/>
  <rs:md capability="changelist" from="2024-01-01T00:00:00Z"/>
  <url>
    <loc>https://old.example.org/r/8</loc>[L:2024-01-05T00:00:00Z]
    <rs:md change="created"[D:2024-01-05T00:00:00Z]/>
  </url>
</urlset>"#,
    },
];
