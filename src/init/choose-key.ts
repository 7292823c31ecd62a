/** Which input tensor, if any, is proposed as the sticky key: one that names who is asking. */
import { isInteger, isText, type TensorFacts } from "./model-facts.ts";

/** Metadata that many gateways set, and the first to look at: a key in metadata is found without opening the message. */
export const proposedMetadata = "x-user-id";

/** Whoever may come back, the likeliest unit of an experiment first. */
const subjects = [
  "user",
  "customer",
  "member",
  "subscriber",
  "account",
  "client",
  "visitor",
  "patient",
  "player",
  "card",
  "device",
];

/** `user_id`, `userId`, `USER-ID`, `input_user_id`, `uid`; a bare `user` or `customer` too, which hold nothing else. */
const subject = new RegExp(`(?:^|_)(${subjects.join("|")})_?(?:id|key|uuid|number|no)(?:s)?$`);
const bare = /^(?:uid|user|customer)s?$/;

/** The input whose name and type are those of a user's id; undefined where there is none. */
export function chooseKeyInput(inputs: readonly TensorFacts[]): string | undefined {
  const ranked = inputs
    .filter((input) => (isText(input) || isInteger(input)) && isOnePerRow(input))
    .map(({ name }) => ({ name, rank: rankOf(name) }))
    .filter(({ rank }) => rank >= 0);
  ranked.sort((a, b) => a.rank - b.rank);
  return ranked[0]?.name;
}

function rankOf(name: string): number {
  const plain = name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_");
  const match = subject.exec(plain);
  if (match !== null) return subjects.indexOf(match[1] ?? "");
  return bare.test(plain) ? subjects.length : -1;
}

/** Several elements in a row are several keys, and a call with several is not drawn. */
function isOnePerRow({ shape }: TensorFacts): boolean {
  return shape === undefined || shape.length < 2 || shape.slice(1).every((size) => size === 1 || size === -1);
}
