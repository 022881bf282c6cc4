// Harvests oai_dc completely with oai-pmh from the npm registry:
// harvest.js URL [from=DAY] [until=DAY] [set=SPEC]
//
// Prints a line for each record: its identifier, a tab, and its title, or nothing if it is deleted.
const { OaiPmh } = require('oai-pmh')

async function main ([url, ...selection]) {
  const selected = Object.fromEntries(selection.map(word => word.split('=')))
  const options = { metadataPrefix: 'oai_dc', ...selected }
  for await (const { header, metadata } of new OaiPmh(url).listRecords(options)) {
    const deleted = header.$ && header.$.status === 'deleted'
    console.log(`${header.identifier}\t${deleted ? '' : metadata['oai_dc:dc']['dc:title']}`)
  }
}

main(process.argv.slice(2)).catch(error => {
  console.error(error)
  process.exit(1)
})
