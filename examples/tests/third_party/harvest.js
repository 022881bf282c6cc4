// Harvests oai_dc completely with oai-pmh from the npm registry: harvest.js URL [FROM UNTIL]
//
// Prints a line for each record: its identifier, a tab, and its title, or nothing if it is deleted.
const { OaiPmh } = require('oai-pmh')

async function main ([url, from, until]) {
  const options = { metadataPrefix: 'oai_dc', from, until }
  for await (const { header, metadata } of new OaiPmh(url).listRecords(options)) {
    const deleted = header.$ && header.$.status === 'deleted'
    console.log(`${header.identifier}\t${deleted ? '' : metadata['oai_dc:dc']['dc:title']}`)
  }
}

main(process.argv.slice(2)).catch(error => {
  console.error(error)
  process.exit(1)
})
