import assert from "node:assert/strict";
import { lengthAt, streamMessage } from "../../soak/kinds.ts";
import { ExpectedStream } from "../../soak/messages.ts";
import { AnswerTemplate, RequestTemplate } from "../../soak/predictions.ts";

/** Five messages of call 7, as they are sent. */
const sent = Buffer.concat(Array.from({ length: 5 }, (_, i) => streamMessage(7, i, lengthAt(i, 100))));

function pushed(bytes: Buffer, pieces = bytes.length): ExpectedStream {
  const expected = new ExpectedStream(7, 5, 100);
  for (let at = 0; at < bytes.length; at += pieces) expected.push(bytes, at, Math.min(at + pieces, bytes.length));
  return expected;
}

describe("a stream that is checked", () => {
  it("is complete with its last byte, in whatever pieces", () => {
    for (const pieces of [1, 7, 100, sent.length]) assert.equal(pushed(sent, pieces).complete, true);
    const short = pushed(sent.subarray(0, sent.length - 1));
    assert.deepEqual([short.right, short.complete, short.messages], [true, false, 4]);
  });

  it("is wrong by a single byte, wherever it is", () => {
    for (const at of [0, 4, 5, 20, sent.length - 1]) {
      const bytes = Buffer.from(sent);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      assert.equal(pushed(bytes, 3).right, false, `byte ${at}`);
    }
  });

  it("is wrong by a byte too many, by messages of another call, and by messages in another order", () => {
    assert.equal(pushed(Buffer.concat([sent, Buffer.of(0)])).right, false);
    assert.equal(pushed(streamMessage(8, 0, 0)).right, false);
    assert.equal(pushed(streamMessage(7, 1, lengthAt(1, 100))).right, false);
  });
});

describe("a prediction that is checked", () => {
  it("has an answer that depends on every byte of its request and on who answers", () => {
    const request = new RequestTemplate(300).make(5);
    const answer = new AnswerTemplate("v41").make(request);
    const other = Buffer.from(request);
    other[60] = (other[60] ?? 0) ^ 1;
    assert.ok(answer.equals(new AnswerTemplate("v41").make(Buffer.from(request))));
    assert.ok(!answer.equals(new AnswerTemplate("v41").make(other)));
    assert.ok(!answer.equals(new AnswerTemplate("v42").make(request)));
    assert.ok(!answer.equals(new AnswerTemplate("v41").make(new RequestTemplate(300).make(6))));
  });
});
