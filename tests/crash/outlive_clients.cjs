// kinesalite ends itself when a client is killed while it sends a request; Kinesis does not.
process.on('uncaughtException', (error) => {
  if (error.code !== 'ECONNRESET') throw error
})
