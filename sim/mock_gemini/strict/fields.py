"""Fields of a request of generateContent, of the Gemini API and Vertex AI together.

Written as `kind`: a message or an enumeration of this table, `text`, `whole`, `number`,
`flag`, `bytes`, or `any`; `[kind]` is a list. What a service has for one API only is taken by
the mock on both.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ENUMERATIONS", "MESSAGES"]

ENUMERATIONS: Mapping[str, frozenset[str]] = {
    "Mode": frozenset(("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")),
    "Modality": frozenset(("MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "AUDIO", "VIDEO")),
    "Level": frozenset(("THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH")),
    "Tier": frozenset(
        f"{prefix}{tier}"
        # With the prefix in Google's pages of spring 2026 [D], without it in google-genai [S].
        for prefix in ("", "SERVICE_TIER_")
        for tier in ("UNSPECIFIED", "STANDARD", "FLEX", "PRIORITY", "DEFERRED")
    ),
}
"""Written in any case."""

_SCHEMAS = {
    "responseSchema": "any",
    "responseJsonSchema": "any",
    "_responseJsonSchema": "any",
    "responseFormat": "any",
}

MESSAGES: Mapping[str, Mapping[str, str]] = {
    "GenerateContentRequest": {
        "model": "text",
        "contents": "[Content]",
        "systemInstruction": "Content",
        "tools": "[Tool]",
        "toolConfig": "ToolConfig",
        "safetySettings": "[SafetySetting]",
        "generationConfig": "GenerationConfig",
        "cachedContent": "text",
        "labels": "any",
        "serviceTier": "Tier",
        "continuationToken": "bytes",
        "store": "flag",
        "modelArmorConfig": "any",
    },
    "Content": {"role": "text", "parts": "[Part]"},
    "Part": {
        "text": "text",
        "inlineData": "Blob",
        "fileData": "FileData",
        "functionCall": "FunctionCall",
        "functionResponse": "FunctionResponse",
        "executableCode": "any",
        "codeExecutionResult": "any",
        "toolCall": "any",
        "toolResponse": "any",
        "audioTranscription": "any",
        "thought": "flag",
        "thoughtSignature": "bytes",
        "videoMetadata": "any",
        "mediaResolution": "any",
        "partMetadata": "any",
        "mediaProcessing": "any",
        "speechMetadata": "any",
        "documentMetadata": "any",
        "spreadsheetMetadata": "any",
        "audioMetadata": "any",
    },
    "Blob": {"mimeType": "text", "data": "bytes", "displayName": "text"},
    "FileData": {"mimeType": "text", "fileUri": "text", "displayName": "text"},
    "FunctionCall": {
        "id": "text",
        "name": "text",
        "args": "any",
        "partialArgs": "any",
        "willContinue": "flag",
    },
    "FunctionResponse": {
        "id": "text",
        "name": "text",
        "response": "any",
        "parts": "any",
        "willContinue": "flag",
        "scheduling": "text",
    },
    "Tool": {
        "functionDeclarations": "[FunctionDeclaration]",
        "googleSearch": "any",
        "googleSearchRetrieval": "any",
        "googleMaps": "any",
        "codeExecution": "any",
        "urlContext": "any",
        "computerUse": "any",
        "fileSearch": "any",
        "retrieval": "any",
        "enterpriseWebSearch": "any",
        "parallelAiSearch": "any",
        "exaAiSearch": "any",
        "mcpServers": "any",
    },
    "FunctionDeclaration": {
        "name": "text",
        "description": "text",
        "parameters": "any",
        "parametersJsonSchema": "any",
        "response": "any",
        "responseJsonSchema": "any",
        "behavior": "text",
    },
    "ToolConfig": {
        "functionCallingConfig": "FunctionCallingConfig",
        "retrievalConfig": "any",
        "includeServerSideToolInvocations": "flag",
    },
    "FunctionCallingConfig": {
        "mode": "Mode",
        "allowedFunctionNames": "[text]",
        "streamFunctionCallArguments": "flag",
    },
    "SafetySetting": {"category": "text", "threshold": "text", "method": "text"},
    "GenerationConfig": {
        **_SCHEMAS,
        "temperature": "number",
        "topP": "number",
        "topK": "number",
        "candidateCount": "whole",
        "maxOutputTokens": "whole",
        "stopSequences": "[text]",
        "responseLogprobs": "flag",
        "logprobs": "whole",
        "presencePenalty": "number",
        "frequencyPenalty": "number",
        "seed": "whole",
        "responseMimeType": "text",
        "responseModalities": "[Modality]",
        "mediaResolution": "text",
        "speechConfig": "any",
        "audioTimestamp": "flag",
        "thinkingConfig": "ThinkingConfig",
        "imageConfig": "any",
        "enableEnhancedCivicAnswers": "flag",
        "audioTranscriptionConfig": "any",
        "generationOutputConfig": "any",
        "routingConfig": "any",
        "modelConfig": "any",
    },
    "ThinkingConfig": {
        "includeThoughts": "flag",
        "thinkingBudget": "whole",
        "thinkingLevel": "Level",
    },
}
