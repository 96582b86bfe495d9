// A backend that decides who comes in and hears what happens: node server.mjs
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'

const secret = process.env.ROOST_WEBHOOK_SECRET || 's3cret' // as roost has it

// signed says whether roost sent body, in the last five minutes.
function signed(header, body) {
  const [, t, v1] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(header) ?? []
  const mac = createHmac('sha256', secret).update(`${t}.`).update(body).digest()
  return v1 !== undefined && timingSafeEqual(mac, Buffer.from(v1, 'hex')) && Math.abs(Date.now() / 1000 - t) < 300
}

function decide({ event, user, token }) {
  if (event !== 'connect') return { allow: user === 'alice' } // to join, to publish
  if (token === 'let-alice-in') return { allow: true, user: 'alice', rooms: ['chat.*'], publish: ['chat.*'] }
  return { allow: false, code: 'unauthorized', message: 'log in first' }
}

createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray().catch(() => []))
  if (!signed(request.headers['roost-signature'], body)) return response.writeHead(403).end('the signature is wrong\n')
  const sent = JSON.parse(body)
  if (!Array.isArray(sent)) return response.end(JSON.stringify(decide(sent)))
  sent.forEach((event) => console.log(JSON.stringify(event)))
  response.end() // events: any answer of 2xx takes them
}).listen(process.env.PORT || 3000, '127.0.0.1')
