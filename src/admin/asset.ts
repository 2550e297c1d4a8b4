/** Reads the files of the status page. A browser loads nothing from elsewhere. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

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

const ours = {
  '/': 'page.html',
  '/page.css': 'page.css',
  '/page.js': 'page.js',
  '/markup.js': 'markup.js',
  '/plot.js': 'plot.js',
  '/rejection.js': 'rejection.js',
  '/route.js': 'route.js',
  '/sender.js': 'sender.js',
  '/wording.js': 'wording.js',
  '/icon.svg': 'icon.svg',
} as const

const ofPackages = {
  '/uplot.js': 'uplot/dist/uPlot.esm.js',
  '/uplot.css': 'uplot/dist/uPlot.min.css',
} as const

/** By path. Reads each file once, so that an upgrade on the disk does not mix two versions. */
export function loadAssets(): ReadonlyMap<string, Asset> {
  const { resolve } = createRequire(import.meta.url)
  const own = Object.entries(ours).map(([path, file]) => [path, at(`./page/${file}`)] as const)
  const others = Object.entries(ofPackages).map(([path, name]) => [path, resolve(name)] as const)
  return new Map([...own, ...others].map(([path, file]) => [path, load(file)]))
}

function at(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url))
}

function load(file: string): Asset {
  const extension = file.slice(file.lastIndexOf('.') + 1) as keyof typeof types
  return { type: types[extension], body: readFileSync(file) }
}
