/** Senders that misbehave in the bytes that they write, or do not read. */
import { connect as connectTcp, type Socket } from 'node:net'
import { enhanced } from '../fixtures/resender.ts'
import { until } from '../fixtures/condition.ts'
import {
  bytes,
  closed,
  ended,
  names,
  notifications,
  open,
  openReading,
  repeat,
  whileTimePasses,
} from './bad-sender.ts'
import type { SenderMood } from './run.ts'
import { pushOf, type Scene } from './scene.ts'

const token = '11'.repeat(32)
const payload = '7b22617073223a7b7d7d'
/** A notification without a token, which is rejected at once: identifier 9. */
const rejected = bytes(`01 00000009 7fffffff 0000 000a ${payload}`)

/** A notification, then these bytes: the first is delivered, and the proxy closes. */
function writing(mood: string, ...parts: readonly Buffer[]): SenderMood {
  return {
    mood,
    play: async ({ bad }) => {
      const own = names(mood, 1)
      const socket = await openReading(bad)
      socket.write(notifications(own))
      for (const part of parts) socket.write(part)
      await ended(socket)
      socket.end()
      await closed(socket)
      return own
    },
  }
}

/** As {@link writing}, but nobody can be told, so the proxy goes on, and delivers one more. */
function surviving(mood: string, part: Buffer): SenderMood {
  return {
    mood,
    play: async (scene) => {
      const own = names(mood, 2)
      const socket = await openReading(scene.bad)
      socket.write(
        Buffer.concat([notifications(own.slice(0, 1)), part, notifications(own.slice(1))]),
      )
      await scene.delivered(own)
      socket.end()
      await closed(socket)
      return own
    },
  }
}

function frameOf(items: Buffer): Buffer {
  const head = Buffer.from([2, 0, 0, 0, 0])
  head.writeUInt32BE(items.length, 1)
  return Buffer.concat([head, items])
}

const enough = bytes(`01 0020 ${token} 02 000a ${payload} 03 0004 00000007`)

const malformed: readonly SenderMood[] = [
  writing('100,000 items in one frame', frameOf(bytes('09 0000'.repeat(100_000)))),
  surviving('1,300 empty items in a frame of legal length', frameOf(bytes('09 0000'.repeat(1300)))),
  surviving('43,000 empty items in the longest frame', frameOf(bytes('09 0000'.repeat(43_000)))),
  surviving('items of no bytes', frameOf(bytes('01 0000 02 0000 03 0000 04 0000 05 0000'))),
  writing('every item twice', frameOf(Buffer.concat([enough, enough]))),
  writing(
    'one item 50 times',
    frameOf(Buffer.concat([enough, ...Array<Buffer>(50).fill(bytes('05 0001 0a'))])),
  ),
  writing('a frame of 4 GiB', bytes('02 ffffffff'), Buffer.alloc(2 ** 20, 1)),
  writing(
    'a token of 65,535 bytes',
    bytes(`01 00000009 7fffffff ffff ${'11'.repeat(65_535)} 000a ${payload}`),
  ),
  writing(
    'a payload of 65,535 bytes',
    bytes(`01 00000009 7fffffff 0020 ${token} ffff ${'20'.repeat(65_535)}`),
  ),
  writing('a payload of 2 MB', bytes('02 001e8480'), Buffer.alloc(2_000_000, 0x20)),
  surviving('an item longer than its frame', frameOf(bytes(`01 ffff ${token}`))),
  writing('random bytes', bytes('9f3c51e07a2288d416b5'.repeat(10_000))),
  {
    mood: 'commands 3 to 255',
    lines: 253 * 4,
    play: async ({ bad }) => {
      const own = names('commands', 253)
      await repeat(own.length, async (index) => {
        const socket = await openReading(bad)
        socket.write(notifications(own.slice(index, index + 1)))
        socket.write(Buffer.of(index + 3))
        await ended(socket)
        socket.end()
        await closed(socket)
      })
      return own
    },
  },
  {
    mood: 'an EOF inside a notification, 50 times',
    lines: 300,
    play: async ({ bad }) => {
      const own = names('EOF', 50)
      await repeat(own.length, async (index) => {
        const socket = await openReading(bad)
        const unfinished = notifications(own.slice(0, 1)).subarray(0, 20 + index)
        socket.end(Buffer.concat([notifications(own.slice(index, index + 1)), unfinished]))
        await closed(socket)
      })
      return own
    },
  },
  {
    mood: 'a reset inside a notification, 50 times',
    lines: 300,
    play: async (scene) => {
      const own = names('reset', 50)
      await repeat(own.length, async (index) => {
        const transport = connectTcp(scene.bad.port, '127.0.0.1')
        const socket = await openReading(scene.bad, { socket: transport })
        socket.write(notifications(own.slice(index, index + 1)))
        // What a reset overtakes in the kernel is lost, as it was with Apple.
        await scene.delivered(own.slice(index, index + 1))
        await new Promise<void>((written) => {
          socket.write(rejected.subarray(0, 20), () => {
            written()
          })
        })
        transport.resetAndDestroy()
      })
      return own
    },
  },
]

const slow: readonly SenderMood[] = [
  {
    mood: 'one byte in 100 ms',
    play: async (scene) => {
      const own = names('slow', 1)
      const socket = await openReading(scene.bad)
      for (const byte of notifications(own)) {
        socket.write(Buffer.of(byte))
        await scene.proxy.look({ moveMs: 100 })
      }
      await scene.delivered(own)
      socket.end()
      await closed(socket)
      return own
    },
  },
  {
    mood: 'an error response that is never read',
    play: async (scene) => {
      const own = names('deaf', 200)
      const socket = await open(scene.bad)
      socket.pause()
      socket.write(Buffer.concat([rejected, notifications(own)]))
      await scene.delivered(own)
      socket.destroy()
      return own
    },
  },
  {
    mood: '2,000 notifications behind an error response, one by one',
    play: async (scene) => {
      const own = names('behind', 2000)
      const socket = await openReading(scene.bad)
      // Another one than in the other moods: the same one is not named again and again (D16).
      socket.write(bytes('01 7fffffff 7fffffff 0000 0002 7b7d'))
      await ended(socket)
      for (const [index, name] of own.entries()) {
        socket.write(enhanced(index, pushOf(name)))
        if (index % 100 === 0) await scene.proxy.look({ moveMs: 100 })
      }
      socket.end()
      await closed(socket)
      return own
    },
  },
  {
    mood: '10,000 identical bad notifications on one connection',
    // One for each that is refused.
    lines: 10_100,
    play: async (scene) => {
      const count = 10_000
      const { untold } = await scene.proxy.look()
      const socket = await openReading(scene.bad)
      socket.write(Buffer.concat(Array<Buffer>(count).fill(rejected)))
      await ended(socket)
      socket.end()
      await closed(socket)
      // All but the first, once none of them can be a resend any more.
      await until(async () => {
        const look = await scene.proxy.look({ moveMs: 1000 })
        return look.untold - untold >= count - 1
      })
      return []
    },
  },
  {
    mood: 'one bad token again and again, over 100 connections',
    lines: 1000,
    play: async (scene) => {
      const push = pushOf('a token that is bad')
      scene.moody.rejections.set(push.token, { status: 400, reason: 'BadDeviceToken' })
      for (let count = 0; count < 100; count++) {
        const socket = await openReading(scene.bad)
        socket.write(enhanced(count, push))
        await whileTimePasses(scene, 100, () => count >= 4 || socket.readableEnded)
        socket.end()
        await closed(socket)
      }
      return []
    },
  },
  {
    mood: 'one identifier for 1,000 notifications',
    play: async ({ bad }) => {
      const own = names('identical', 1000)
      const socket = await openReading(bad)
      socket.end(Buffer.concat(own.map((name) => enhanced(7, pushOf(name)))))
      await closed(socket)
      return own
    },
  },
]

async function openMany(scene: Scene, count: number): Promise<readonly Socket[]> {
  const sockets: Socket[] = []
  await repeat(count, async () => {
    sockets.push(await openReading(scene.bad))
  })
  return sockets
}

const many: readonly SenderMood[] = [
  {
    mood: '900 connections of one certificate',
    growthMiB: 150,
    lines: 2000,
    play: async (scene) => {
      const own = names('many', 900)
      const sockets = await openMany(scene, own.length)
      for (const [index, socket] of sockets.entries())
        socket.write(notifications(own.slice(index, index + 1)))
      await scene.delivered(own)
      for (const socket of sockets) socket.end()
      await until(() => sockets.every((socket) => socket.closed))
      return own
    },
  },
  {
    mood: '1,100 connections, of which 1,000 are allowed',
    growthMiB: 150,
    lines: 2500,
    play: async (scene) => {
      const sockets = await openMany(scene, 1100)
      await until(() => sockets.filter((socket) => socket.closed).length >= 100)
      for (const socket of sockets) socket.end()
      await until(() => sockets.every((socket) => socket.closed))
      return []
    },
  },
  {
    mood: '1,000 connections one after another, a notification on each',
    lines: 2500,
    play: async ({ bad }) => {
      const own = names('storm', 1000)
      await repeat(own.length, async (index) => {
        const socket = await openReading(bad)
        socket.end(notifications(own.slice(index, index + 1)))
        await closed(socket)
      })
      return own
    },
  },
]

const feedback: readonly SenderMood[] = [
  {
    mood: 'feedback readers that do not read, write, or break off',
    lines: 400,
    play: async (scene) => {
      await unregister(scene, 200)
      const stage = { ...scene.bad, port: scene.feedbackPort }
      const deaf = await open(stage)
      deaf.pause()
      const writer = await open(stage)
      writer.on('data', () => writer.write('x'.repeat(10_000)))
      writer.resume()
      for (let count = 0; count < 20; count++) (await open(stage)).destroy()
      await whileTimePasses(scene, 1000, () => {
        writer.write('x')
        return writer.closed
      })
      deaf.destroy()
      writer.destroy()
      await until(
        async () => (await readFeedback(stage)) === 0 || (await readFeedback(stage)) === 0,
      )
      return []
    },
  },
]

async function unregister(scene: Scene, count: number): Promise<void> {
  const gone = names('gone', count)
  for (const name of gone)
    scene.moody.rejections.set(pushOf(name).token, { status: 410, reason: 'Unregistered' })
  const { settled } = await scene.proxy.look()
  const socket = await openReading(scene.bad)
  socket.end(notifications(gone))
  await closed(socket)
  await until(async () => (await scene.proxy.look()).settled >= settled + count)
}

/** Reads to the end; returns the bytes. */
async function readFeedback(stage: Scene['bad']): Promise<number> {
  const socket = await open(stage)
  let count = 0
  socket.on('data', (chunk: Buffer) => (count += chunk.length))
  await ended(socket)
  socket.end()
  await closed(socket)
  return count
}

export const streamMoods: readonly SenderMood[] = [...malformed, ...slow, ...many, ...feedback]
