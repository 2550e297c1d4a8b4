/** Plays one kind of misbehaviour beside good senders, and says what it has done to them. */
import type { Watched } from '../fixtures/watched-proxy.ts'
import type { Manner } from './raw-provider.ts'
import type { Scene } from './scene.ts'

/** A provider that misbehaves. */
export interface ProviderMood extends Manner {
  readonly mood: string
  /** Notifications that are sent meanwhile over the route of this provider. Default 3. */
  readonly count?: number
  /** Lines that the proxy may log. Default 150. */
  readonly lines?: number
}

/** A sender that misbehaves. */
export interface SenderMood {
  readonly mood: string
  /**
   * Resolves when it is over, with the names of the notifications that must be delivered once.
   * @throws when the proxy has not answered it as it should
   */
  readonly play: (scene: Scene) => Promise<readonly string[]>
  /** As in {@link ProviderMood}. */
  readonly lines?: number
  /** What the process may keep of it: of a thousand connections at once, the memory is not given back. */
  readonly growthMiB?: number
}

export type Mood = ProviderMood | SenderMood

/** One row of the table. */
export interface Row {
  readonly mood: string
  /** Notifications that had to be delivered, those of the canaries and the mood's own. */
  readonly expected: number
  readonly delivered: number
  readonly doubled: number
  readonly lost: number
  readonly rssMiB: number
  readonly cpuMs: number
  readonly lines: number
  /** What is wrong; empty if all is well. */
  readonly faults: readonly string[]
}

const during = 3
const after = 2
const mostLines = 150
const mostLogBytes = 128 * 1024
const lineBytes = 500
/** Buffers and code of the first moods stay; what grows more has been kept. */
const mostGrowthMiB = 64

/** Plays one. Never rejects: what goes wrong is a fault of the row. */
export async function play(scene: Scene, mood: Mood): Promise<Row> {
  const canaries = (['moody', 'well'] as const).map((route) =>
    scene.canary(route, `${mood.mood}, ${route}`),
  )
  const faults: string[] = []
  let own: readonly string[] = []
  const before = await scene.proxy.look({ tidy: true }).catch((error: unknown) => {
    faults.push(messageOf(error))
    return undefined
  })
  try {
    for (const canary of canaries) await canary.connect()
    own = await ('play' in mood
      ? playSender(scene, mood, canaries)
      : playProvider(scene, mood, canaries))
    scene.moody.behave()
    for (const canary of canaries) {
      await canary.connect()
      canary.send(after)
    }
    await scene.settle([...own, ...canaries.flatMap(({ sent }) => sent)])
  } catch (error) {
    faults.push(messageOf(error))
  }
  for (const canary of canaries) {
    canary.finish()
    if (canary.told.length > 0) faults.push(`a good sender was told ${canary.told.join()}`)
  }
  const names = [...own, ...canaries.flatMap(({ sent }) => sent)]
  const count = scene.count(names)
  if (count.doubled > 0 || count.lost > 0)
    faults.push(`${count.lost} lost, ${count.doubled} doubled of ${names.length}`)
  const use = await useSince(scene, before, mood, faults)
  return { mood: mood.mood, expected: names.length, ...count, ...use, faults }
}

type Canaries = readonly ReturnType<Scene['canary']>[]

async function playProvider(
  scene: Scene,
  mood: ProviderMood,
  [moody, well]: Canaries,
): Promise<readonly string[]> {
  scene.moody.misbehave(mood)
  moody?.send(mood.count ?? during)
  well?.send(during)
  // The other route is served while this one is in trouble.
  await scene.delivered(well?.sent ?? [])
  await scene.settle(moody?.sent ?? [])
  return []
}

async function playSender(
  scene: Scene,
  mood: SenderMood,
  canaries: Canaries,
): Promise<readonly string[]> {
  for (const canary of canaries) canary.send(1)
  const playing = mood.play(scene)
  playing.catch(() => undefined)
  for (const canary of canaries) canary.send(during - 1)
  await scene.delivered(canaries.flatMap(({ sent }) => sent))
  return playing
}

async function useSince(
  scene: Scene,
  before: Watched | undefined,
  mood: Mood,
  faults: string[],
): Promise<{ rssMiB: number; cpuMs: number; lines: number }> {
  try {
    const now = await scene.proxy.look({ tidy: true })
    if (before === undefined) return { rssMiB: 0, cpuMs: 0, lines: 0 }
    const use = {
      rssMiB: now.rssMiB - before.rssMiB,
      cpuMs: now.cpuMs - before.cpuMs,
      lines: now.log.lines - before.log.lines,
    }
    if (now.log.bugs > before.log.bugs)
      faults.push(
        `a bug, see the log: ${now.log.last.filter((text) => /bug|Error/.test(text)).join('')}`,
      )
    const lines = mood.lines ?? mostLines
    const growthMiB = ('growthMiB' in mood ? mood.growthMiB : undefined) ?? mostGrowthMiB
    if (use.lines > lines) faults.push(`${use.lines} lines in the log`)
    if (now.log.bytes - before.log.bytes > mostLogBytes + lines * lineBytes)
      faults.push(`${now.log.bytes - before.log.bytes} bytes in the log`)
    if (use.rssMiB > growthMiB) faults.push(`grown by ${use.rssMiB.toFixed(0)} MiB`)
    return use
  } catch (error) {
    faults.push(messageOf(error))
    return { rssMiB: 0, cpuMs: 0, lines: 0 }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
