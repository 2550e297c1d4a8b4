/** docs/operating.md and the dashboard speak of what there is, of all of it, and of nothing else. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { outcomeThresholds } from '../src/admin/outcome-threshold.ts'
import { stateCodes } from '../src/admin/known-problem.ts'
import { setStage } from './fixtures/stage.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const document = readFileSync(join(root, 'docs/operating.md'), 'utf8')
const prefix = 'apns_legacy_proxy_'

/** Rows of the tables whose first column has this title, as their cells. */
function rowsOf(title: string): string[][] {
  return document.split(/^#{2,3} /m).flatMap((section) => {
    const lines = section.split('\n').filter((line) => line.startsWith('|'))
    if (!new RegExp(`^\\| *${title} *\\|`).test(lines[0] ?? '')) return []
    return lines.slice(2).map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
  })
}

/** What stands between back quotes. */
function quoted(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text)
}

/** Names of metrics, each with the labels of its samples, as a running proxy has them. */
async function metricsOf(t: Test): Promise<Map<string, string[]>> {
  const listeners = ['gateway', 'feedback'].map((kind) => ({ kind, host: '127.0.0.1', port: 0 }))
  const { adminPort } = await setStage(t, { file: { listeners } })
  const response = await fetch(`http://127.0.0.1:${adminPort}/metrics`, {
    headers: { connection: 'close' },
  })
  const text = await response.text()
  const names = [...text.matchAll(/^# TYPE (\S+) \w+$/gm)].map(([, name = '']) => name)
  return new Map(
    names.map((name) => {
      const [, labels = ''] = new RegExp(`^${name}(?:_bucket)?\\{(.*)\\} `, 'm').exec(text) ?? []
      const keys = [...labels.matchAll(/(\w+)="/g)].map(([, key = '']) => key)
      return [name, keys.filter((key) => key !== 'le')]
    }),
  )
}

/** Metrics that a text of PromQL names, without what a histogram appends. */
function namedIn(text: string): string[] {
  return [...text.matchAll(/apns_legacy_proxy_\w+/g)]
    .map(([name]) => name.replace(/(?<=_seconds)_(bucket|sum|count)$/, ''))
    .filter((name) => name !== prefix)
}

t.test('every metric is documented with its labels, and none that does not exist', async (t) => {
  const metrics = await metricsOf(t)
  const documented = new Map(
    rowsOf('metric').map(([name, labels]) => [prefix + (quoted(name)[0] ?? ''), quoted(labels)]),
  )
  t.same([...documented.keys()].sort(), [...metrics.keys()].sort())
  for (const [name, labels] of metrics)
    if (!name.includes('nodejs')) t.same(documented.get(name)?.sort(), labels.sort(), name)
  t.same(
    namedIn(document).filter((name) => !metrics.has(name)),
    [],
  )
})

t.test('every metric has an alert, or says that it needs none', (t) => {
  for (const [name = '', , , alert = ''] of rowsOf('metric'))
    t.match(alert, /^(`.*apns_legacy_proxy_.*`.*: |none|see the next)/, name)
  t.end()
})

interface Panel {
  readonly title: string
  readonly type: string
  readonly gridPos: {
    readonly x: number
    readonly y: number
    readonly w: number
    readonly h: number
  }
  readonly targets?: readonly {
    readonly expr: string
    readonly datasource: { readonly uid: string }
  }[]
}

interface Dashboard {
  readonly schemaVersion: number
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string }[]
  }
  readonly panels: readonly Panel[]
}

t.test('the dashboard asks only for what there is, wherever its data comes from', async (t) => {
  const metrics = await metricsOf(t)
  const path = join(root, 'docs/grafana-dashboard.json')
  const dashboard = JSON.parse(readFileSync(path, 'utf8')) as Dashboard
  t.ok(dashboard.schemaVersion >= 36)
  t.match(dashboard.templating.list[0], { name: 'datasource', type: 'datasource' })
  const targets = dashboard.panels.flatMap(({ targets = [] }) => targets)
  t.ok(targets.length >= 15)
  for (const { expr, datasource } of targets) {
    const names = namedIn(expr)
    t.ok(names.length > 0, expr)
    t.same(
      names.filter((name) => !metrics.has(name)),
      [],
    )
    for (const [, labels = ''] of expr.matchAll(/by \(([^)]*)\)/g))
      for (const label of labels.split(', ').filter((each) => each !== 'le'))
        t.ok(
          names.every((name) => metrics.get(name)?.includes(label)),
          `${label} in ${expr}`,
        )
    t.equal(datasource.uid, '${datasource}')
  }
  t.end()
})

t.test('the panels of the dashboard stand side by side', (t) => {
  const path = join(root, 'docs/grafana-dashboard.json')
  const { panels } = JSON.parse(readFileSync(path, 'utf8')) as Dashboard
  const taken = new Set<string>()
  for (const { title, gridPos } of panels)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        if (taken.has(`${x} ${y}`) || x >= 24) t.fail(`${title} overlaps`)
        taken.add(`${x} ${y}`)
      }
  t.end()
})

/** Events of the source with the levels at which they are written, where these are plain to see. */
function eventsOfSource(): Map<string, Set<string>> {
  const source = join(root, 'src')
  const events = new Map<string, Set<string>>()
  const add = (name: string, levels: readonly string[]): void => {
    events.set(name, new Set([...(events.get(name) ?? []), ...levels]))
  }
  const levelsIn = (line: string): string[] =>
    [...line.matchAll(/'(debug|info|warn|error)'/g)].map(([, level = '']) => level)
  for (const path of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts')) continue
    const text = readFileSync(join(source, path), 'utf8')
    // A row of the table of log events: one level, or a function that returns one of some.
    const rows = text.matchAll(/('[\w.-]+'|bug): \[\s*((?:[^\n]*=>\n)?[^\n]*)/g)
    const calls = text.matchAll(/\blog(?:\.(\w+))?\(\s*\{\s*event: '([^']+)'/g)
    for (const [, name = '', line = ''] of rows) {
      const levels = levelsIn(line)
      if (levels.length > 0) add(name.replaceAll("'", ''), levels)
    }
    for (const [, level, name = ''] of calls) add(name, level === undefined ? [] : [level])
  }
  return events
}

t.test('every event of the log is documented with its level, and no other', (t) => {
  const events = eventsOfSource()
  const documented = new Map(
    rowsOf('event').map(([event, level = '']) => [quoted(event)[0] ?? '', level.split(', ')]),
  )
  t.same([...documented.keys()].sort(), [...events.keys()].sort())
  for (const [event, levels] of events)
    for (const level of levels) t.ok(documented.get(event)?.includes(level), `${event} ${level}`)
  t.end()
})

t.test('the thresholds of outcomes are those of the code', (t) => {
  const spans = { 'five-minutes': '5 minutes', hour: 'hour' }
  const ofCode = outcomeThresholds.map(
    ({ code, severity, window, minimum, of, share, timesUsual }) => [
      code,
      severity,
      spans[window],
      `${minimum} ${of}`,
      (share === 0 ? 'any' : `${share * 100} %`) +
        (timesUsual === undefined ? '' : ` and ${timesUsual} times the share before`),
    ],
  )
  const documented = rowsOf('code').map(([code, ...cells]) => [
    ...quoted(code),
    ...cells.slice(0, -1),
  ])
  t.strictSame(documented, ofCode)
  t.end()
})

t.test('the problems of states are those of the code, with their log events', (t) => {
  const ofCode = Object.entries(stateCodes).map(([code, row]) => [
    code,
    row.severity,
    'logEvent' in row ? row.logEvent : '',
  ])
  const documented = rowsOf('code of a state').map(([code, level, , event]) => [
    quoted(code)[0],
    level,
    quoted(event)[0] ?? '',
  ])
  t.strictSame(documented, ofCode)
  const events = eventsOfSource()
  for (const [, , event = ''] of ofCode) t.ok(event === '' || events.has(event), event)
  t.end()
})
