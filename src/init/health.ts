/** The standard health service's answer: https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
import { WireReader, wireType } from "../protocol/wire.ts";

/** `HealthCheckResponse.ServingStatus`, by number. */
const statuses = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

/** `HealthCheckResponse.status` */
const statusTag = (1 << 3) | wireType.varint;

/** The status in an answer; zero is not written, so an empty one is `UNKNOWN`. Undefined where it is malformed. */
export function healthOf(answer: Buffer): string | undefined {
  const reader = new WireReader();
  reader.reset(answer, 0, answer.length);
  let status = 0;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag !== statusTag) reader.skip(tag);
    else if (reader.varint()) status = reader.low;
  }
  return reader.bad ? undefined : statuses[status];
}
