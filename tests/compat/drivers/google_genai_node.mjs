// Google's own client for JavaScript.
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// It is in a folder of its own, which the command names.
const require = createRequire(pathToFileURL(process.env.COMPAT_NODE + "/"));
const { GoogleGenAI, FunctionCallingConfigMode } = require("@google/genai");
const installed = process.env.COMPAT_NODE + "/node_modules/@google/genai/package.json";

const model = process.env.COMPAT_MODEL ?? "gemini-3.8-flash";
const contents = "What is the weather in Paris?";
const place = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = { name: "weather", description: "The weather.", parametersJsonSchema: place };
const offered = [{ functionDeclarations: [weather] }];

const client = (baseUrl, retryOptions) =>
  new GoogleGenAI({ apiKey: "mock-key", httpOptions: { baseUrl, retryOptions } });
const ask = (url, config, retries) =>
  client(url, retries).models.generateContent({ model, contents, config });

const interact = (url, more) =>
  client(url).interactions.create({ model, input: contents, ...more });
const said = (steps) =>
  steps.flatMap((step) => step.content ?? []).map((content) => content.text ?? "").join("");

const calls = {
  plain: async (url) => (await ask(url)).text,
  stream: async (url) => {
    let text = "";
    for await (const chunk of await client(url).models.generateContentStream({ model, contents }))
      text += chunk.text ?? "";
    return text;
  },
  tools: async (url) => {
    const found = await ask(url, { tools: offered });
    return found.functionCalls?.[0]?.name ?? found.text;
  },
  forced: async (url) => {
    const toolConfig = { functionCallingConfig: { mode: FunctionCallingConfigMode.ANY } };
    return (await ask(url, { tools: offered, toolConfig })).functionCalls?.[0]?.name;
  },
  schema: async (url) => {
    const config = { responseMimeType: "application/json", responseJsonSchema: place };
    return JSON.parse((await ask(url, config)).text);
  },
  interaction: async (url) => said((await interact(url)).steps),
  "interaction stream": async (url) => {
    let text = "";
    for await (const event of await interact(url, { stream: true })) text += event.delta?.text ?? "";
    return text;
  },
  "interaction background": async (url) => {
    let found = await interact(url, { background: true });
    while (found.status === "in_progress") {
      await new Promise((resolve) => setTimeout(resolve, 10));
      found = await client(url).interactions.get(found.id);
    }
    return said(found.steps);
  },
  embedding: async (url) => {
    const asked = { model: "gemini-embedding-001", contents };
    const { embeddings } = await client(url).models.embedContent(asked);
    return embeddings[0].values.length ? "vector" : null;
  },
  upload: async (url) => {
    const { files } = client(url);
    const file = new Blob(["a file"], { type: "text/plain" });
    const sent = await files.upload({ file, config: { mimeType: "text/plain" } });
    return (await files.get({ name: sent.name })).sizeBytes === "6" ? "file" : null;
  },
  retried: async (url) => (await ask(url, undefined, { attempts: 3 })).text,
};

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
say({ version: JSON.parse(readFileSync(installed)).version, calls: Object.keys(calls) });
for await (const line of createInterface({ input: process.stdin })) {
  const { call, url } = JSON.parse(line);
  const began = performance.now();
  let found;
  try {
    found = { got: (await calls[call](url)) ?? null };
  } catch (error) {
    found = { error: `${error.name}: ${error.message}`.slice(0, 400) };
  }
  say({ ...found, seconds: (performance.now() - began) / 1000 });
}
