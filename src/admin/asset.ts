/** Reads the files of the status page. A browser loads nothing from elsewhere. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

export interface Asset {
  readonly type: string
  readonly body: Buffer
}

const types = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
} as const

/** Paths of the server, and the file or the file of a package for each. */
const files = {
  '/': './page/page.html',
  '/page.css': './page/page.css',
  '/page.js': './page/page.js',
  '/markup.js': './page/markup.js',
  '/overrule.js': './page/overrule.js',
  '/plot.js': './page/plot.js',
  '/rejection.js': './page/rejection.js',
  '/route.js': './page/route.js',
  '/sender.js': './page/sender.js',
  '/wording.js': './page/wording.js',
  '/icon.svg': './page/icon.svg',
  '/uplot.js': 'uplot/dist/uPlot.esm.js',
  '/uplot.css': 'uplot/dist/uPlot.min.css',
} as const

/** By path. Reads each file once, so that an upgrade on the disk does not mix two versions. */
export function loadAssets(): ReadonlyMap<string, Asset> {
  const { resolve } = createRequire(import.meta.url)
  return new Map(Object.entries(files).map(([path, name]) => [path, load(resolve(name))]))
}

function load(file: string): Asset {
  const extension = file.slice(file.lastIndexOf('.') + 1) as keyof typeof types
  return { type: types[extension], body: readFileSync(file) }
}
