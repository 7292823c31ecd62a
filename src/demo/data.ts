/**
 * Real rows for the demo's traffic: applications for credit, encoded as the models were trained on them.
 *
 * Only rows that no model has seen are drawn on, so that the scores are what a model would say of new customers.
 */
import { readFileSync } from "node:fs";
import { dataFile, schemaFile } from "./assets.ts";

interface Column {
  readonly name: string;
  /** Absent for a number; else the category becomes its place in this list. */
  readonly categories?: readonly string[];
}

interface Schema {
  readonly label: Column;
  readonly heldOutFrom: number;
  readonly features: readonly Column[];
}

export interface CreditRow {
  readonly features: readonly number[];
  /** What came of the credit. Models do not see it. */
  readonly bad: boolean;
}

export interface CreditData {
  readonly featureNames: readonly string[];
  /** Rows kept from training, in the file's order. */
  readonly heldOut: readonly CreditRow[];
}

/** Reads the data set that ships with the demo. @throws where the files are damaged: there is nothing to go on with. */
export function loadCreditData(): CreditData {
  const schema = JSON.parse(readFileSync(schemaFile, "utf8")) as Schema;
  const [head = [], ...rows] = parseCsv(readFileSync(dataFile, "utf8"));
  const featureNames = schema.features.map((column) => column.name);
  return {
    featureNames,
    heldOut: rows.slice(schema.heldOutFrom).map((cells, i) => {
      const at = `row ${schema.heldOutFrom + i}`;
      return {
        features: schema.features.map((column) => encode(column, cells[head.indexOf(column.name)], at)),
        bad: encode(schema.label, cells[head.indexOf(schema.label.name)], at) === 1,
      };
    }),
  };
}

function encode(column: Column, text: string | undefined, at: string): number {
  const value = column.categories === undefined ? Number(text || Number.NaN) : column.categories.indexOf(text ?? "");
  if (Number.isNaN(value) || value < 0) throw new Error(`${dataFile}: ${at}, ${column.name}: unexpected "${text}"`);
  return value;
}

/** Splits comma-separated text into rows of cells (RFC 4180: a quoted cell may hold commas and doubled quotes). */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let cells: string[] = [];
  // Each match is one cell and what ends it: a comma, a line end, or the end of the text.
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    if (end === "" && cells.length === 0 && quoted === undefined && plain === "") break;
    cells.push(quoted === undefined ? (plain ?? "") : quoted.replaceAll('""', '"'));
    if (end === ",") continue;
    rows.push(cells);
    cells = [];
  }
  return rows;
}
