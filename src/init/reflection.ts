/**
 * gRPC server reflection, as much of it as lists services. The two versions differ in their package's name only:
 * https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
 */
import { WireReader, wireType } from "../protocol/wire.ts";

/** Newest first: the order in which to ask. */
export const reflectionPaths = ["v1", "v1alpha"].map(
  (version) => `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
);

/** `ServerReflectionRequest.list_services`, whose text nobody looks at. */
export const listServicesRequest = Buffer.from([(7 << 3) | wireType.bytes, 0]);

/** `ServerReflectionResponse.list_services_response`, then in it `service`, then in that `name`. */
const listTag = (6 << 3) | wireType.bytes;
const serviceTag = (1 << 3) | wireType.bytes;
const nameTag = (1 << 3) | wireType.bytes;

/** Full names in an answer; undefined where it lists none or is malformed. */
export function servicesOf(answer: Buffer): readonly string[] | undefined {
  const names: string[] = [];
  const reader = new WireReader();
  reader.reset(answer, 0, answer.length);
  let listed = false;
  eachField(reader, listTag, () => {
    listed = true;
    eachField(reader, serviceTag, () => {
      eachField(reader, nameTag, () => names.push(answer.toString("utf8", reader.at, reader.end)));
    });
  });
  return reader.bad || !listed ? undefined : names;
}

/** Runs `use` for each field of this tag, with the reader's range narrowed to it. */
function eachField(reader: WireReader, wanted: number, use: () => void): void {
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag !== wanted) {
      reader.skip(tag);
      continue;
    }
    const outer = reader.enter();
    if (outer < 0) return;
    use();
    reader.leave(outer);
  }
}
