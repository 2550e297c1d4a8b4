/** The simulator: a TLS server that answers like Apple's HTTP/2 provider API, and delivers nothing. */
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { isIPv6, type AddressInfo, type Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { Clock } from '../timing/clock.ts'
import { ProviderConnection } from './provider-connection.ts'
import type { Behaviour, Simulation } from './provider-stream.ts'
import { ProviderTokenVerifier, type RegisteredKey } from './client-credential.ts'
import { ScriptedAnswers, type ScriptedAnswer } from './scripted-answer.ts'

export type { ReceivedNotification } from './provider-stream.ts'

/** The behaviour of a simulator. */
export interface SimulatorOptions extends Partial<Behaviour> {
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 0: any free port. */
  readonly port?: number
  readonly tls: { readonly certificatePem: string; readonly keyPem: string }
  /** Default: every well-formed ES256 provider token is accepted, its signature unverified. */
  readonly signingKeys?: readonly RegisteredKey[] | undefined
  /** Default: every valid notification is accepted. */
  readonly answers?: readonly ScriptedAnswer[]
}

export interface SimulatorDependencies {
  readonly clock: Clock
  /** From 0 up to, not including, 1: chooses the latency. */
  readonly random?: () => number
  /** Receives `simulator.session-opened`, `simulator.session-closed` and `simulator.goaway`. */
  readonly log?: (event: object) => void
}

/** @throws RangeError for an invalid script, and the system's error if it cannot listen */
export async function startSimulator(
  options: SimulatorOptions,
  deps: SimulatorDependencies,
): Promise<Simulator> {
  const { host = '127.0.0.1', port = 0 } = options
  const running = new RunningSimulator(host, simulationOf(options, deps), options.tls)
  await running.listen(port)
  return running
}

/** As APNs in 2021, and at once. */
const defaultBehaviour: Behaviour = {
  environment: 'production',
  latencyMs: { min: 0, max: 0 },
  maxConcurrentStreams: 1000,
  goawayEvery: Infinity,
  onNotification: nothing,
}

function simulationOf(options: SimulatorOptions, deps: SimulatorDependencies): Simulation {
  const { signingKeys, answers = [] } = options
  return {
    ...defaultBehaviour,
    ...options,
    ...{ random: evenly, log: nothing, ...deps },
    verifier: new ProviderTokenVerifier(signingKeys),
    script: new ScriptedAnswers(answers),
    silent: false,
  }
}

/** A running simulator. */
export type Simulator = Readonly<Omit<RunningSimulator, 'listen'>>

/** A socket becomes a connection when its handshake is complete. */
class RunningSimulator {
  readonly #host: string
  readonly #simulation: Simulation
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #connections = new Set<ProviderConnection>()
  port = 0
  #accepted = 0
  #stopped: Promise<void> | undefined

  constructor(host: string, simulation: Simulation, tls: SimulatorOptions['tls']) {
    this.#host = host
    this.#simulation = simulation
    this.#server = createServer({
      cert: tls.certificatePem,
      key: tls.keyPem,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['h2'],
      // Every certificate passes the handshake: the answers report its faults.
      requestCert: true,
      rejectUnauthorized: false,
    })
    this.#server.on('connection', this.#keep.bind(this))
    this.#server.on('secureConnection', this.#accept.bind(this))
    this.#server.on('tlsClientError', nothing)
    this.#server.on('error', nothing)
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, this.#host)
    await once(this.#server, 'listening')
    this.port = (this.#server.address() as AddressInfo).port
  }

  /** For example `https://127.0.0.1:2443`. */
  get origin(): string {
    const host = isIPv6(this.#host) ? `[${this.#host}]` : this.#host
    return `https://${host}:${this.port}`
  }

  /** Open connections. */
  get sessionCount(): number {
    return this.#connections.size
  }

  /** Replaces the script, and resets its counts. @throws RangeError for an invalid line */
  script(answers: readonly ScriptedAnswer[]): void {
    this.#simulation.script = new ScriptedAnswers(answers)
  }

  /** Ends all open connections gracefully; accepts new ones. */
  goaway(reason = 'Shutdown'): void {
    for (const connection of this.#connections) connection.goaway(reason)
  }

  /** Receives requests and answers none until {@link resume}; still answers PING. */
  silence(): void {
    this.#simulation.silent = true
  }

  /** Answers new requests again; those received during the silence stay unanswered. */
  resume(): void {
    this.#simulation.silent = false
  }

  /** Closes all open connections at once; accepts new ones. */
  disconnect(): void {
    for (const connection of this.#connections) connection.disconnect()
  }

  /** Closes all connections and frees the port. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.disconnect()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', nothing)
    socket.on('close', () => this.#sockets.delete(socket))
  }

  #accept(socket: TLSSocket): void {
    socket.on('error', nothing)
    if (socket.alpnProtocol !== 'h2') {
      socket.destroy()
      return
    }
    this.#accepted += 1
    const session = this.#accepted
    const connection = new ProviderConnection(socket, session, this.#simulation)
    this.#connections.add(connection)
    socket.on('close', () => {
      this.#connections.delete(connection)
      this.#simulation.log({ event: 'simulator.session-closed', session })
    })
  }
}

function nothing(): void {
  // For an event that needs no reaction, such as a reset by the peer.
}

/** In steps of 2⁻³², which is precise enough for a latency. */
function evenly(): number {
  return randomInt(2 ** 32) / 2 ** 32
}
