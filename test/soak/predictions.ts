/**
 * Predictions of a soak: real TensorFlow Serving messages, made different in each call by a field that no definition has.
 *
 * Encoding one per call would cost more than the sidecar's work. A message of protocol buffers may be continued by any
 * field, so what is the call's own is appended: its id on the way there; on the way back that id, a checksum of the
 * request, and the name of the model that answered.
 */
import { crc32 } from "node:zlib";
import { tfRequest, tfResponse } from "../support/predict.ts";
import { bytesField } from "../support/wire-bytes.ts";

const ownField = 1_000;
const idBytes = 4;
const nameBytes = 4;

/** Makes framed requests of one size. */
export class RequestTemplate {
  readonly #bytes: Buffer;

  constructor(inputBytes: number) {
    this.#bytes = frameWith(tfRequest({ inputs: { text: ["x".repeat(inputBytes)] } }), Buffer.alloc(idBytes));
  }

  make(id: number): Buffer {
    const bytes = Buffer.from(this.#bytes);
    bytes.writeUInt32BE(id, bytes.length - idBytes);
    return bytes;
  }
}

/** Makes the framed answers of one model. */
export class AnswerTemplate {
  readonly #bytes: Buffer;

  constructor(model: string) {
    const tail = Buffer.alloc(idBytes + 4 + nameBytes);
    tail.write(model.padEnd(nameBytes), idBytes + 4, "latin1");
    this.#bytes = frameWith(tfResponse([0.25]), tail);
  }

  /** The answer to a request's framed bytes. */
  make(request: Buffer): Buffer {
    const bytes = Buffer.from(this.#bytes);
    const tail = bytes.length - nameBytes - 4 - idBytes;
    request.copy(bytes, tail, request.length - idBytes);
    bytes.writeUInt32BE(crc32(request), tail + idBytes);
    return bytes;
  }
}

function frameWith(message: Uint8Array, tail: Buffer): Buffer {
  const whole = Buffer.concat([message, bytesField(ownField, tail)]);
  const framed = Buffer.alloc(5 + whole.length);
  framed.writeUInt32BE(whole.length, 1);
  whole.copy(framed, 5);
  return framed;
}
