import { reasonOf, SideglanceError } from '../errors.js';

/** Why a connection did not come up or went down. */
export interface BrokerFault {
  /** SG_BROKER: what happened, at which broker, what to do. Never holds a password. */
  readonly error: SideglanceError;
  /** `slowly`: time alone does not mend it. */
  readonly retry: 'soon' | 'slowly';
  /** Whether the broker does not speak this version of MQTT. */
  readonly wrongVersion: 'certainly' | 'perhaps' | 'no';
  /** The broker ended the connection, without a reason that has nothing to do with what it was sent. */
  readonly byBroker: boolean;
}

export interface FaultContext {
  /** `protocol://host:port`, without credentials. */
  readonly address: string;
  readonly username: string | undefined;
  readonly clientId: string;
  readonly isEncrypted: boolean;
  /** Whether this device has a certificate of its own. */
  readonly hasCertificate: boolean;
  /** Whether the connection had come up. */
  readonly wasUp: boolean;
}

interface Explanation {
  readonly text: string;
  readonly retry?: 'slowly';
  readonly wrongVersion?: 'certainly' | 'perhaps';
  readonly byBroker?: true;
}

/** Builds the fault for a connection that ended with `thrown` (null: the broker just closed it). */
export function brokerFault(thrown: unknown, context: FaultContext): BrokerFault {
  const { text, retry, wrongVersion, byBroker } = explain(thrown, context);
  const error = new SideglanceError('SG_BROKER', `the MQTT broker at ${context.address} ${text}`, {
    ...(thrown === null ? {} : { cause: thrown }),
  });
  return { error, retry: retry ?? 'soon', wrongVersion: wrongVersion ?? 'no', byBroker: byBroker ?? false };
}

function explain(thrown: unknown, context: FaultContext): Explanation {
  const code = (thrown as { code?: unknown } | null)?.code;
  if (typeof code === 'number') return explainReasonCode(code, thrown, context);
  if (typeof code === 'string') return explainTls(code, thrown, context) ?? explainSystemCode(code, thrown, context);
  if (thrown === null) return closed(context);
  const reason = reasonOf(thrown);
  if (reason === 'connack timeout') {
    return { text: 'accepted the connection and did not answer: is it really an MQTT broker, and is it alive?' };
  }
  if (reason === 'Keepalive timeout') return { text: 'no longer answers (keepalive): is the network still there?' };
  return { text: `cannot be used: ${reason}` };
}

function closed({ wasUp, clientId }: FaultContext): Explanation {
  if (wasUp) {
    return {
      text: `closed the connection without a reason: it was stopped, or another client has the id '${clientId}'`,
      byBroker: true,
    };
  }
  return {
    text:
      'closed the connection without an answer: it may want TLS (`mqtts://` in mqtt.url), another port, ' +
      'or a certificate of this device (mqtt.tls.cert, mqtt.tls.key)',
    wrongVersion: 'perhaps',
  };
}

/** CONNACK return codes of MQTT 3.1.1 (§3.2.2.3: 1 to 5) and reason codes of MQTT 5 (§2.4: from 128). */
function explainReasonCode(code: number, thrown: unknown, { username, clientId }: FaultContext): Explanation {
  switch (code) {
    case 1:
    case 132:
      return { text: 'does not speak this version of MQTT: set mqtt.protocolVersion', wrongVersion: 'certainly' };
    case 2:
    case 133:
      return { text: `refused the client id '${clientId}': set mqtt.clientId to one it allows`, retry: 'slowly' };
    case 4:
    case 5:
    case 134:
    case 135:
      return username === undefined
        ? { text: 'refused us without a user name: set mqtt.username and mqtt.password', retry: 'slowly' }
        : {
            text: `refused the user '${username}': correct mqtt.username and mqtt.password, or the broker's access rules`,
            retry: 'slowly',
          };
    case 138:
      return { text: 'has banned this client: ask who runs it', retry: 'slowly' };
    case 142:
      return {
        text: `gave our place to another client with the id '${clientId}': give each device a name of its own, or set mqtt.clientId`,
        retry: 'slowly',
      };
    case 149:
      return { text: 'closed the connection: a packet was too large for it', byBroker: true };
    case 156:
    case 157:
      return { text: 'has moved: correct mqtt.url', retry: 'slowly' };
    default:
      return { text: `ended the connection: ${reasonOf(thrown)} (code ${code})` };
  }
}

const CERTIFICATE = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT|HOSTNAME_MISMATCH|INVALID_CA)/;

/** What we have against the broker's certificate, and what it has against ours. */
function explainTls(code: string, thrown: unknown, context: FaultContext): Explanation | null {
  switch (code) {
    case 'CERT_NOT_YET_VALID':
    case 'CERT_HAS_EXPIRED':
      return {
        text: `has a certificate that is not valid now (${code}): renew it, or set this device's clock`,
        retry: 'slowly',
      };
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return {
        text: `has a certificate for another name (${reasonOf(thrown)}): use that name in mqtt.url, or set mqtt.tls.serverName`,
        retry: 'slowly',
      };
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
      return { text: 'does not speak TLS on this port: correct the port, or use `mqtt://`', retry: 'slowly' };
    case 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME':
      return { text: 'does not know the name that it was asked for (SNI): set mqtt.tls.serverName', retry: 'slowly' };
  }
  if (CERTIFICATE.test(code)) {
    return {
      text: `has a certificate that nobody we trust has signed (${code}): set mqtt.tls.ca to the authority's certificate`,
      retry: 'slowly',
    };
  }
  const alert = /_ALERT_(\w+)$/.exec(code)?.[1];
  if (alert !== undefined) return { text: explainAlert(alert, context), retry: 'slowly' };
  if (code === 'EPROTO' || code.startsWith('ERR_SSL') || code.startsWith('ERR_OSSL')) {
    return {
      text: `and this device cannot agree on TLS (${reasonOf(thrown)}): check the port and mqtt.tls`,
      retry: 'slowly',
    };
  }
  return null;
}

const CERTIFICATE_WANTED = 'it may want a certificate of this device (mqtt.tls.cert, mqtt.tls.key)';

/** An alert that the broker has sent (RFC 8446 §6.2), by its name in OpenSSL. */
function explainAlert(alert: string, { hasCertificate }: FaultContext): string {
  switch (alert) {
    case 'CERTIFICATE_REQUIRED':
      return 'wants a certificate of this device: set mqtt.tls.cert and mqtt.tls.key';
    case 'CERTIFICATE_EXPIRED':
      return "refused this device's certificate as expired: renew mqtt.tls.cert, or set the broker's clock";
    case 'CERTIFICATE_REVOKED':
      return "refused this device's certificate as revoked: have a new one issued for mqtt.tls.cert";
    case 'UNKNOWN_CA':
      return "does not trust who has signed this device's certificate: take mqtt.tls.cert from an authority that it trusts";
    case 'BAD_CERTIFICATE':
    case 'UNSUPPORTED_CERTIFICATE':
    case 'CERTIFICATE_UNKNOWN':
      return `refused this device's certificate (${alert}): correct mqtt.tls.cert`;
    case 'HANDSHAKE_FAILURE':
      return hasCertificate
        ? 'and this device find no common TLS settings (HANDSHAKE_FAILURE): check mqtt.tls and the ciphers of the broker'
        : `ended the TLS handshake: ${CERTIFICATE_WANTED}`;
    case 'PROTOCOL_VERSION':
      return 'and this device have no version of TLS in common: the broker has to offer TLS 1.2 or 1.3';
    default:
      return `ended the TLS handshake (${alert}): check mqtt.tls`;
  }
}

/** With TLS 1.3 a broker finds that a certificate is missing when we are done already, and its alert may be lost. */
function brokenOff(code: string, context: FaultContext): Explanation {
  if (!context.isEncrypted) return closed(context);
  const hint = context.hasCertificate ? '' : `, or ${CERTIFICATE_WANTED}`;
  return { text: `broke the connection off (${code}): it may not speak TLS on this port${hint}` };
}

function explainSystemCode(code: string, thrown: unknown, context: FaultContext): Explanation {
  switch (code) {
    case 'ECONNREFUSED':
      return { text: 'does not listen there (connection refused): start it, or correct mqtt.url' };
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return { text: `has a name that cannot be resolved (${code}): correct mqtt.url, or check the DNS` };
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EHOSTDOWN':
      return { text: `cannot be reached (${code}): check the cable, the route and the firewall` };
    case 'ECONNRESET':
    case 'EPIPE':
      if (!context.wasUp) return brokenOff(code, context);
      return { text: `broke the connection off (${code})`, byBroker: true };
    default:
      return { text: `cannot be used: ${reasonOf(thrown)} (${code})` };
  }
}
