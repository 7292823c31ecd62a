/**
 * What can be fuzzed. A target takes an input and throws where something is wrong: what it checks beyond "does not throw" is
 * the reason why it is worth running.
 */
import type fc from "fast-check";
import type { Random } from "./random.ts";

interface Named {
  readonly name: string;
  /** What is fed to what, and what must hold: a line for `--help`. */
  readonly about: string;
  /** @throws where an input of the corpus shows that something is wrong. */
  replay(input: Buffer): void | Promise<void>;
}

/** Fed with bytes that a mutator changes, kept by the code that they reach. */
export interface ByteTarget extends Named {
  readonly kind: "bytes";
  /** Where mutation starts: small inputs that go far, by name. */
  seeds(): readonly Buffer[];
  /** Words of the input's language, which chance alone would hardly spell. */
  readonly dictionary?: readonly Buffer[];
  /** A mutation that knows the input's form; used for half of the inputs. */
  mutate?(input: Buffer, random: Random, other: Buffer): Buffer;
}

/** Fed by fast-check, which also shrinks what fails; an input of the corpus is a value as JSON. */
export interface PropertyTarget<T> extends Named {
  readonly kind: "property";
  readonly arbitrary: fc.Arbitrary<T>;
  check(value: T): Promise<void>;
}

// biome-ignore lint/suspicious/noExplicitAny: a list of targets holds values of every type
export type Target = ByteTarget | PropertyTarget<any>;
