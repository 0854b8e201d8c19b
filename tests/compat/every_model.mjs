// Every model that is named (`every_model.py`), by both APIs: settings of thought, a cap, a stream, functions, JSON.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.env.COMPAT_NODE + "/"));
const { GoogleGenAI } = require("@google/genai");
const [baseUrl, named] = process.argv.slice(2);
const client = new GoogleGenAI({ apiKey: "mock-key", httpOptions: { baseUrl } });
const look = { name: "look", description: "Looks.", parametersJsonSchema: { type: "object" } };
const tool = { type: "function", name: "look", parameters: { type: "object", properties: {} } };

const drained = async (stream) => {
  for await (const _ of await stream);
};

for (const { name: model, thoughts } of JSON.parse(named)) {
  const ask = (contents, config) => client.models.generateContent({ model, contents, config });
  for (const thinkingConfig of thoughts)
    for (const maxOutputTokens of [undefined, 3000]) {
      const config = { systemInstruction: "Be kind.", thinkingConfig, maxOutputTokens };
      await ask("Hello.", config);
      await drained(client.models.generateContentStream({ model, contents: "Hi.", config }));
    }
  const config = { tools: [{ functionDeclarations: [look] }] };
  const asked = { role: "user", parts: [{ text: "Look!" }] };
  const called = await ask([asked], config);
  for (const call of called.functionCalls ?? []) {
    const functionResponse = { name: call.name, response: { sun: true } };
    const turn = { role: "user", parts: [{ functionResponse }] };
    await ask([asked, called.candidates[0].content, turn], config);
  }
  await ask("As JSON.", { responseMimeType: "application/json" });

  const make = (input, more) => client.interactions.create({ model, input, ...more });
  const first = await make("Hello.", { generation_config: { max_output_tokens: 3000 } });
  const second = await make("Look!", { previous_interaction_id: first.id, tools: [tool] });
  for (const call of second.steps.filter((step) => step.type === "function_call")) {
    const result = { type: "function_result", call_id: call.id, name: call.name, result: "sun" };
    await make([result], { previous_interaction_id: second.id, tools: [tool] });
  }
  await drained(make("In parts.", { stream: true }));
  let later = await make("Later.", { background: true });
  while (later.status === "in_progress") later = await client.interactions.get(later.id);
}
