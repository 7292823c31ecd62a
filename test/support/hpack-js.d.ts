/** The part of hpack.js that the tests use; the package brings no types. */
declare module "hpack.js" {
  interface HpackJsField {
    name: string;
    value: string;
    neverIndex?: boolean;
    /** Inserted into the table; default true. */
    incremental?: boolean;
    /** Default true. */
    huffman?: boolean;
  }

  interface Options {
    table: { maxSize: number };
  }

  interface Compressor {
    write(fields: HpackJsField[]): boolean;
    read(): Buffer | null;
  }

  interface Decompressor {
    write(block: Buffer): boolean;
    execute(): void;
    read(): HpackJsField | null;
  }

  const hpack: {
    compressor: { create(options: Options): Compressor };
    decompressor: { create(options: Options): Decompressor };
    huffman: { encode: readonly (readonly [bits: number, code: number])[] };
    "static-table": { table: readonly { name: string; value: string }[] };
  };
  export = hpack;
}
