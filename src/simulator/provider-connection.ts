/** One HTTP/2 connection to the simulator: its credential, its streams and its end. */
import { constants, performServerHandshake, type ServerHttp2Session } from 'node:http2'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { bearerToken, clientCredential, ProviderTokenHistory } from './client-credential.ts'
import { ProviderStream, type Simulation, type StreamConnection } from './provider-stream.ts'
import type { Credential } from './request-check.ts'

/** — source: SETTINGS that APNs sent, in buford#33, pushy#709 and apns2#117 */
const maxHeaderListSize = 8000

/** Serves one client until either side ends. */
export class ProviderConnection implements StreamConnection {
  readonly session: number
  readonly #socket: TLSSocket
  readonly #simulation: Simulation
  readonly #http2: ServerHttp2Session
  readonly #certificate: Credential
  readonly #history = new ProviderTokenHistory()
  #streamLimit: number
  #requests = 0
  #openStreams = 0
  #draining = false

  constructor(socket: TLSSocket, session: number, simulation: Simulation) {
    this.#socket = socket
    this.session = session
    this.#simulation = simulation
    this.#certificate = clientCredential(socket, simulation.environment, simulation.clock.now())
    const hasCertificate = this.#certificate.kind === 'certificate'
    // Without a certificate: one stream until a provider token is accepted. — source: Apple, "Sending
    // notification requests to APNs"
    this.#streamLimit = hasCertificate ? simulation.maxConcurrentStreams : 1
    const settings = { maxConcurrentStreams: this.#streamLimit, maxHeaderListSize }
    this.#http2 = performServerHandshake(socket, { settings })
    this.#http2.on('error', ignore)
    this.#http2.on('stream', this.#accept.bind(this))
    const credential = this.#certificate.kind
    simulation.log({ event: 'simulator.session-opened', session, credential })
  }

  /**
   * Sends GOAWAY: answers the streams that are open, and refuses later ones.
   * — source: Apple, "Sending notification requests to APNs", for the reason in the debug data
   */
  goaway(reason: string): void {
    if (this.#draining) return
    this.#draining = true
    const debugData = Buffer.from(JSON.stringify({ reason }))
    // 0: the last stream that was received.
    this.#http2.goaway(constants.NGHTTP2_NO_ERROR, 0, debugData)
    this.#simulation.log({ event: 'simulator.goaway', session: this.session, reason })
    this.#closeWhenDrained()
  }

  /** Closes the connection at once, without GOAWAY. */
  disconnect(): void {
    this.#socket.destroy()
  }

  /** With a certificate, `authorization` is ignored. — source: Apple, "Sending notification requests to APNs" */
  credentialFor(authorization: string | undefined): Credential | Promise<Credential> {
    if (this.#certificate.kind === 'certificate') return this.#certificate
    const token = bearerToken(authorization)
    if (token === undefined) return this.#certificate
    const { clock, verifier } = this.#simulation
    const claims = verifier.recall(token)
    if (claims !== undefined) return this.#history.judge(claims, clock.now())
    return verifier.verify(token).then((verified) => this.#history.judge(verified, clock.now()))
  }

  delivered(): void {
    const { maxConcurrentStreams } = this.#simulation
    if (this.#streamLimit === maxConcurrentStreams) return
    this.#streamLimit = maxConcurrentStreams
    if (!this.#http2.closed) this.#http2.settings({ maxConcurrentStreams })
  }

  #accept(
    stream: ServerHttp2Stream,
    _headers: IncomingHttpHeaders,
    _flags: number,
    rawHeaders: readonly string[],
  ): void {
    stream.on('error', ignore)
    if (this.#draining) {
      stream.close(constants.NGHTTP2_REFUSED_STREAM)
      return
    }
    this.#serve(stream, new ProviderStream(stream, rawHeaders, this, this.#simulation))
    if (this.#requests >= this.#simulation.goawayEvery) this.goaway('Shutdown')
  }

  #serve(stream: ServerHttp2Stream, request: ProviderStream): void {
    this.#requests += 1
    this.#openStreams += 1
    stream.on('data', request.receive.bind(request))
    stream.on('end', request.finish.bind(request))
    stream.on('close', () => {
      this.#openStreams -= 1
      this.#closeWhenDrained()
    })
  }

  #closeWhenDrained(): void {
    if (this.#draining && this.#openStreams === 0) this.#http2.close()
  }
}

function ignore(): void {
  // An error of the peer ends its stream or session; 'close' follows.
}
