import { SideglanceError } from '../../errors.js';
import { topicNameFault } from '../topics.js';

/** tck-id-topic-structure-namespace-a */
const NAMESPACE = 'spBv1.0';

export type NodeMessage = 'NBIRTH' | 'NDATA' | 'NDEATH' | 'NCMD';
export type DeviceMessage = 'DBIRTH' | 'DDATA' | 'DDEATH' | 'DCMD';

/** The topics of one edge node (§4.1). */
export class SparkplugTopics {
  readonly #groupId: string;
  readonly #edgeNodeId: string;

  /** @throws SideglanceError SG_CONFIG_INVALID for an id that cannot be a topic level (tck-id-topic-structure-namespace-valid-*) */
  constructor(groupId: string, edgeNodeId: string) {
    this.#groupId = level('sparkplug.groupId', groupId);
    this.#edgeNodeId = level('sparkplug.edgeNodeId', edgeNodeId);
  }

  node(message: NodeMessage): string {
    return `${NAMESPACE}/${this.#groupId}/${message}/${this.#edgeNodeId}`;
  }

  device(message: DeviceMessage, deviceId: string): string {
    return `${NAMESPACE}/${this.#groupId}/${message}/${this.#edgeNodeId}/${level('station name', deviceId)}`;
  }
}

/** Where a host application says whether it is there (§4.5). */
export function stateTopic(hostId: string): string {
  return `${NAMESPACE}/STATE/${level('sparkplug.primaryHost', hostId)}`;
}

function level(what: string, id: string): string {
  const fault = topicNameFault(id);
  if (fault === null) return id;
  throw new SideglanceError(
    'SG_CONFIG_INVALID',
    `${what} ${JSON.stringify(id)} ${fault}: choose an id without + # / $ and control characters`,
  );
}
