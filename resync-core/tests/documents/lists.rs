//! Documents of every kind, as the standard shows them (§2, §7 to §13).

use super::Example;

pub(crate) const LISTS: &[Example] = &[
    Example {
        section: "2",
        name: "a Resource List with addresses only",
        is: "urlset resourcelist 2",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-a/capabilities.xml"/>
  <rs:md capability="resourcelist" at="2024-03-01T06:00:00Z"/>
  <url><loc>https://data.example.org/r/one</loc></url>
  <url><loc>https://data.example.org/r/two</loc></url>
</urlset>"#,
    },
    Example {
        section: "2",
        name: "a Resource List that can be verified",
        is: "urlset resourcelist 2",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-a/capabilities.xml"/>
  <rs:md capability="resourcelist" at="2024-03-01T06:00:00Z" completed="2024-03-01T06:01:30Z"/>
  <url>
    <loc>https://data.example.org/r/one</loc>
    <lastmod>2023-11-20T17:00:00Z</lastmod>
    <rs:md hash="md5:0cc175b9c0f1b6a831c399e269772661" length="1" type="text/plain"/>
  </url>
  <url>
    <loc>https://data.example.org/r/two</loc>
    <lastmod>2023-11-21T17:30:00Z</lastmod>
    <rs:md hash="md5:92eb5ffee6ae2fec3ad71c777531578f
                 sha-256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"
           length="1" type="text/plain"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "2",
        name: "a Change List with an update and a deletion",
        is: "urlset changelist 2",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-a/capabilities.xml"/>
  <rs:md capability="changelist" from="2024-03-01T00:00:00Z" until="2024-03-02T00:00:00Z"/>
  <url>
    <loc>https://data.example.org/r/two.pdf</loc>[L:2024-03-01T11:00:00Z]
    <rs:md change="updated"[D:2024-03-01T11:00:00Z]/>
  </url>
  <url>
    <loc>https://data.example.org/r/three.tiff</loc>[L:2024-03-01T16:20:00Z]
    <rs:md change="deleted"[D:2024-03-01T16:20:00Z]/>
  </url>
</urlset>"#,
    },
    Example {
        section: "2",
        name: "a Resource Dump of one package",
        is: "urlset resourcedump 1",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-a/capabilities.xml"/>
  <rs:md capability="resourcedump" at="2024-03-01T06:00:00Z"/>
  <url>
    <loc>https://data.example.org/dump/all.zip</loc>
    <lastmod>2024-03-01T06:00:00Z</lastmod>
  </url>
</urlset>"#,
    },
    Example {
        section: "2",
        name: "the manifest in it",
        is: "urlset resourcedump-manifest 2",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-a/capabilities.xml"/>
  <rs:md capability="resourcedump-manifest" at="2024-03-01T06:00:00Z"/>
  <url>
    <loc>https://data.example.org/r/one</loc>
    <lastmod>2023-11-20T17:00:00Z</lastmod>
    <rs:md hash="md5:0cc175b9c0f1b6a831c399e269772661" path="/files/one"/>
  </url>
  <url>
    <loc>https://data.example.org/r/two</loc>
    <rs:md hash="md5:92eb5ffee6ae2fec3ad71c777531578f" path="/files/two"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "2",
        name: "a Capability List of three capabilities",
        is: "urlset capabilitylist 3",
        xml: r#"<urlset>
  <rs:ln rel="describedby" href="https://data.example.org/set-a/about.xml"/>
  <rs:ln rel="up" href="https://data.example.org/.well-known/resourcesync"/>
  <rs:md capability="capabilitylist"/>
  <url>
    <loc>https://data.example.org/set-a/resources.xml</loc>
    <rs:md capability="resourcelist"/>
  </url>
  <url>
    <loc>https://data.example.org/set-a/dump.xml</loc>
    <rs:md capability="resourcedump"/>
  </url>
  <url>
    <loc>https://data.example.org/set-a/changes.xml</loc>
    <rs:md capability="changelist"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "2",
        name: "a Source Description of one set",
        is: "urlset description 1",
        xml: r#"<urlset>
  <rs:md capability="description"/>
  <url>
    <loc>https://data.example.org/set-a/capabilities.xml</loc>
    <rs:md capability="capabilitylist"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "7",
        name: "the frame of a list, with all attributes of Sitemaps",
        is: "urlset resourcelist 1",
        xml: r#"<urlset>
  <rs:md capability="resourcelist" at="2024-03-01T06:00:00.250Z"/>
  <rs:ln rel="up" href="https://data.example.org/set-a/capabilities.xml"/>
  <url>
    <loc>https://data.example.org/r/one?a=1&amp;b=2</loc>
    <lastmod>2023-11-20T17:00:00+02:00</lastmod>
    <changefreq>hourly</changefreq>
    <priority>0.7</priority>
    <rs:md encoding="gzip" length="91" type="text/html"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "7",
        name: "the frame of an index",
        is: "sitemapindex resourcelist 1",
        xml: r#"<sitemapindex>
  <rs:ln rel="up" href="https://data.example.org/set-a/capabilities.xml"/>
  <rs:md capability="resourcelist" at="2024-03-01T06:00:00Z"/>
  <sitemap>
    <loc>https://data.example.org/set-a/resources-1.xml</loc>
    <lastmod>2024-03-01T06:00:00Z</lastmod>
  </sitemap>
</sitemapindex>"#,
    },
    Example {
        section: "8",
        name: "a Source Description of described sets",
        is: "urlset description 2",
        xml: r#"<urlset>
  <rs:ln rel="describedby" href="https://data.example.org/about.xml"/>
  <rs:md capability="description"/>
  <url>
    <loc>https://data.example.org/set-a/capabilities.xml</loc>
    <rs:md capability="capabilitylist"/>
    <rs:ln rel="describedby" href="https://data.example.org/set-a/about.xml"/>
  </url>
  <url>
    <loc>https://data.example.org/set-b/capabilities.xml</loc>
    <rs:md capability="capabilitylist"/>
    <rs:ln rel="describedby" href="https://data.example.org/set-b/about.rdf"
           type="application/rdf+xml"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "9",
        name: "a Capability List of everything",
        is: "urlset capabilitylist 4",
        xml: r#"<urlset>
  <rs:ln rel="describedby" href="https://data.example.org/set-b/about.rdf"/>
  <rs:ln rel="up" href="https://data.example.org/.well-known/resourcesync"/>
  <rs:md capability="capabilitylist"/>
  <url>
    <loc>https://data.example.org/set-b/resources.xml</loc>
    <rs:md capability="resourcelist"/>
  </url>
  <url>
    <loc>https://data.example.org/set-b/dump.xml</loc>
    <rs:md capability="resourcedump"/>
  </url>
  <url>
    <loc>https://data.example.org/set-b/changes.xml</loc>
    <rs:md capability="changelist"/>
  </url>
  <url>
    <loc>https://data.example.org/set-b/changedump.xml</loc>
    <rs:md capability="changedump"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "10",
        name: "an index of Resource Lists, each of its own time",
        is: "sitemapindex resourcelist 2",
        xml: r#"<sitemapindex>
  <rs:ln rel="up" href="https://data.example.org/set-b/capabilities.xml"/>
  <rs:md capability="resourcelist" at="2024-03-01T06:00:00Z" completed="2024-03-01T06:10:00Z"/>
  <sitemap>
    <loc>https://data.example.org/set-b/resources-1.xml</loc>
    <rs:md at="2024-03-01T06:00:00Z"/>
  </sitemap>
  <sitemap>
    <loc>https://data.example.org/set-b/resources-2.xml</loc>
    <rs:md at="2024-03-01T06:04:00Z" completed="2024-03-01T06:10:00Z"/>
  </sitemap>
</sitemapindex>"#,
    },
    Example {
        section: "10",
        name: "a Resource List that is a part of an index",
        is: "urlset resourcelist 1",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-b/capabilities.xml"/>
  <rs:ln rel="index" href="https://data.example.org/set-b/resources.xml"/>
  <rs:md capability="resourcelist" at="2024-03-01T06:04:00Z"/>
  <url>
    <loc>https://data.example.org/b/93.epub</loc>
    <lastmod>2021-05-07T12:00:00Z</lastmod>
    <rs:md hash="sha-1:86f7e437faa5a7fce15d1ddcb9eaeaea377667b8" type="application/epub+zip"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "11",
        name: "a Resource Dump with copies of the manifests",
        is: "urlset resourcedump 2",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-b/capabilities.xml"/>
  <rs:md capability="resourcedump" at="2024-03-01T06:00:00Z" completed="2024-03-01T06:30:00Z"/>
  <url>
    <loc>https://data.example.org/dump/b-1.zip</loc>
    <rs:md type="application/zip" length="73401" at="2024-03-01T06:00:00Z"
           completed="2024-03-01T06:12:00Z"/>
    <rs:ln rel="contents" href="https://data.example.org/dump/b-1.xml" type="application/xml"/>
  </url>
  <url>
    <loc>https://data.example.org/dump/b-2.zip</loc>
    <rs:md type="application/zip" length="60002" at="2024-03-01T06:12:00Z"
           completed="2024-03-01T06:30:00Z"/>
    <rs:ln rel="contents" href="https://data.example.org/dump/b-2.xml" type="application/xml"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "11",
        name: "an index of Resource Dumps",
        is: "sitemapindex resourcedump 1",
        xml: r#"<sitemapindex>
  <rs:ln rel="up" href="https://data.example.org/set-b/capabilities.xml"/>
  <rs:md capability="resourcedump" at="2024-03-01T06:00:00Z"/>
  <sitemap>
    <loc>https://data.example.org/dump/part-1.xml</loc>
    <rs:md at="2024-03-01T06:00:00Z"/>
  </sitemap>
</sitemapindex>"#,
    },
    Example {
        section: "11.3",
        name: "the manifest of a Resource Dump",
        is: "urlset resourcedump-manifest 2",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-b/capabilities.xml"/>
  <rs:md capability="resourcedump-manifest" at="2024-03-01T06:00:00Z"
         completed="2024-03-01T06:12:00Z"/>
  <url>
    <loc>https://data.example.org/b/93.epub</loc>
    <lastmod>2021-05-07T12:00:00Z</lastmod>
    <rs:md hash="md5:8277e0910d750195b448797616e091ad" length="4071"
           type="application/epub+zip" path="/b/93.epub"/>
  </url>
  <url>
    <loc>https://data.example.org/b/94.epub</loc>
    <rs:md hash="md5:e1671797c52e15f763380b45e841ec32" length="8113"
           type="application/epub+zip" path="/b/94.epub"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "12",
        name: "a Change List that is open",
        is: "urlset changelist 4",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-b/capabilities.xml"/>
  <rs:md capability="changelist" from="2024-03-04T00:00:00Z"/>
  <url>
    <loc>https://data.example.org/b/95.epub</loc>[L:2024-03-04T08:15:00Z]
    <rs:md change="created"[D:2024-03-04T08:15:00Z] length="77"/>
  </url>
  <url>
    <loc>https://data.example.org/b/93.epub</loc>[L:2024-03-04T09:00:00Z]
    <rs:md change="updated"[D:2024-03-04T09:00:00Z]/>
  </url>
  <url>
    <loc>https://data.example.org/b/94.epub</loc>[L:2024-03-04T09:00:00Z]
    <rs:md change="deleted"[D:2024-03-04T09:00:00Z]/>
  </url>
  <url>
    <loc>https://data.example.org/b/93.epub</loc>[L:2024-03-04T19:42:10Z]
    <rs:md change="updated"[D:2024-03-04T19:42:10Z]/>
  </url>
</urlset>"#,
    },
    Example {
        section: "12",
        name: "an index of Change Lists, the last of them open",
        is: "sitemapindex changelist 3",
        xml: r#"<sitemapindex>
  <rs:ln rel="up" href="https://data.example.org/set-b/capabilities.xml"/>
  <rs:md capability="changelist" from="2024-03-02T00:00:00Z"/>
  <sitemap>
    <loc>https://data.example.org/set-b/changes-0302.xml</loc>
    <rs:md from="2024-03-02T00:00:00Z" until="2024-03-03T00:00:00Z"/>
  </sitemap>
  <sitemap>
    <loc>https://data.example.org/set-b/changes-0303.xml</loc>
    <rs:md from="2024-03-03T00:00:00Z" until="2024-03-04T00:00:00Z"/>
  </sitemap>
  <sitemap>
    <loc>https://data.example.org/set-b/changes-0304.xml</loc>
    <rs:md from="2024-03-04T00:00:00Z"/>
  </sitemap>
</sitemapindex>"#,
    },
    Example {
        section: "12",
        name: "a Change List that is closed, and part of an index",
        is: "urlset changelist 1",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-b/capabilities.xml"/>
  <rs:ln rel="index" href="https://data.example.org/set-b/changes.xml"/>
  <rs:md capability="changelist" from="2024-03-03T00:00:00Z" until="2024-03-04T00:00:00Z"/>
  <url>
    <loc>https://data.example.org/b/90.epub</loc>[L:2024-03-03T23:59:59Z]
    <rs:md change="created"[D:2024-03-03T23:59:59Z]/>
  </url>
</urlset>"#,
    },
    Example {
        section: "13",
        name: "a Change Dump",
        is: "urlset changedump 2",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-b/capabilities.xml"/>
  <rs:md capability="changedump" from="2024-03-02T00:00:00Z"/>
  <url>
    <loc>https://data.example.org/dump/ch-0302.zip</loc>
    <lastmod>2024-03-03T00:05:00Z</lastmod>
    <rs:md type="application/zip" length="5001" from="2024-03-02T00:00:00Z"
           until="2024-03-03T00:00:00Z"/>
    <rs:ln rel="contents" href="https://data.example.org/dump/ch-0302.xml"
           type="application/xml"/>
  </url>
  <url>
    <loc>https://data.example.org/dump/ch-0303.zip</loc>
    <rs:md type="application/zip" length="5002" from="2024-03-03T00:00:00Z"
           until="2024-03-04T00:00:00Z"/>
  </url>
</urlset>"#,
    },
    Example {
        section: "13",
        name: "an index of Change Dumps",
        is: "sitemapindex changedump 1",
        xml: r#"<sitemapindex>
  <rs:ln rel="up" href="https://data.example.org/set-b/capabilities.xml"/>
  <rs:md capability="changedump" from="2024-01-01T00:00:00Z" until="2024-03-01T00:00:00Z"/>
  <sitemap>
    <loc>https://data.example.org/dump/ch-2024-01.xml</loc>
    <rs:md from="2024-01-01T00:00:00Z" until="2024-03-01T00:00:00Z"/>
  </sitemap>
</sitemapindex>"#,
    },
    Example {
        section: "13.3",
        name: "the manifest of a Change Dump",
        is: "urlset changedump-manifest 3",
        xml: r#"<urlset>
  <rs:ln rel="up" href="https://data.example.org/set-b/capabilities.xml"/>
  <rs:md capability="changedump-manifest" from="2024-03-02T00:00:00Z"
         until="2024-03-03T00:00:00Z"/>
  <url>
    <loc>https://data.example.org/b/95.epub</loc>[L:2024-03-02T07:02:06Z]
    <rs:md change="created"[D:2024-03-02T07:02:06Z] type="application/epub+zip"
           path="/changes/1-95.epub"/>
  </url>
  <url>
    <loc>https://data.example.org/b/95.epub</loc>[L:2024-03-02T09:00:00Z]
    <rs:md change="updated"[D:2024-03-02T09:00:00Z] type="application/epub+zip"
           path="/changes/2-95.epub"/>
  </url>
  <url>
    <loc>https://data.example.org/b/94.epub</loc>[L:2024-03-02T10:00:00Z]
    <rs:md change="deleted"[D:2024-03-02T10:00:00Z]/>
  </url>
</urlset>"#,
    },
];
