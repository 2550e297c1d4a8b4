/** The proxy on the way to the provider API: from the configuration, or from the environment. */
import { isLoopback } from './ip-network.ts'

export interface UpstreamProxy {
  /** `http://[user:password@]host:port`, or the same with https, socks5 or socks5h; a secret. */
  readonly url: string
  /** Without the password, and where it is set: `http://host:port (HTTPS_PROXY)`. */
  readonly shown: string
}

/** The configuration value that ignores the environment. */
export const noProxy = 'none'

export const mustBeProxy =
  'must be an http://, https://, socks5:// or socks5h:// address, such as ' +
  'http://proxy.example:3128; correct it and percent-encode its password, or set ' +
  'providerApi.proxy: none'

const variables = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'] as const

export function isProxyAddress(value: string): boolean {
  try {
    const { protocol, hostname, username, password } = new URL(value)
    decodeURIComponent(username + password)
    return /^(https?|socks5h?):$/.test(protocol) && hostname !== ''
  } catch {
    return false
  }
}

/**
 * Reads the environment as curl does. Ignores it for an origin on loopback.
 * @throws {RangeError} when the variable is no address
 */
export function upstreamProxy(
  origin: string,
  configured: string | undefined,
  environment: NodeJS.ProcessEnv,
): UpstreamProxy | undefined {
  if (configured === noProxy) return undefined
  if (configured !== undefined) return { url: configured, shown: shown(configured) }
  const name = variables.find((name) => environment[name])
  const value = environment[name ?? '']
  const excluded = environment['no_proxy'] ?? environment['NO_PROXY'] ?? ''
  const target = new URL(origin)
  if (!value || isLoopback(target.hostname.replace(/^\[|\]$/g, '')) || isExcluded(target, excluded))
    return undefined
  const url = value.includes('://') ? value : `http://${value}`
  if (!isProxyAddress(url))
    throw new RangeError(`is not set, and the environment variable ${name} ${mustBeProxy}`)
  return { url, shown: `${shown(url)} (${name})` }
}

function shown(url: string): string {
  const { protocol, host } = new URL(url)
  return `${protocol}//${host}`
}

/** @param excluded names, of which each stands for its subdomains too, perhaps with a port; or `*` */
function isExcluded({ hostname, port }: URL, excluded: string): boolean {
  return excluded
    .toLowerCase()
    .split(/[,\s]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      const [, name = '', onlyPort] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(entry) ?? []
      if (onlyPort !== undefined && onlyPort !== (port || '443')) return false
      return name === '' ? entry === '*' : `.${hostname}`.endsWith(`.${name}`)
    })
}
