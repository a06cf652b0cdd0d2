// Compiles each dashboard of a folder, as a literal, against the type that Grafana's schema (@grafana/schema) has for
// one: a field that does not exist, is missing or is of another type is an error.
//
//   node check.mjs FOLDER
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const here = dirname(fileURLToPath(import.meta.url));
const folder = process.argv[2];
const values = new Map();
const types = readFileSync(join(here, "node_modules/@grafana/schema/dist/esm/raw/dashboard/x/dashboard_types.gen.d.ts"), "utf8")
  // JSON has an enum's value where TypeScript wants its name.
  .replace(/export declare enum (\w+) \{([^}]*)\}/g, (_, name, body) => {
    const members = [...body.matchAll(/(\w+) = ("[^"]*"|-?\d+)/g)];
    for (const [, member, value] of members) values.set(`${name}.${member}`, value);
    return `export type ${name} = ${members.map((member) => member[2]).join(" | ")};`;
  })
  .replace(/\b\w+\.\w+\b/g, (name) => values.get(name) ?? name)
  // The type knows only the built-in source's annotations; these are Prometheus'.
  .replace("target?: AnnotationTarget;", "target?: { refId: string; expr: string }; titleFormat?: string; textFormat?: string;");
writeFileSync(join(here, "dashboard.ts"), types);

const files = readdirSync(folder).filter((name) => name.endsWith(".json")).map((name) => {
  const file = join(here, name.replace(".json", ".check.ts"));
  const text = readFileSync(join(folder, name), "utf8");
  writeFileSync(file, `import type { Dashboard } from "./dashboard";\nexport const dashboard: Dashboard = ${text};\n`);
  return file;
});
const found = ts.getPreEmitDiagnostics(ts.createProgram(files, { strict: true, noEmit: true, types: [] }));
const host = { getCanonicalFileName: (name) => name, getCurrentDirectory: () => here, getNewLine: () => "\n" };
console.log(ts.formatDiagnostics(found, host) + `${files.length} dashboards, ${found.length} errors`);
process.exit(files.length > 0 && found.length === 0 ? 0 : 1);
