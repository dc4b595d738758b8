"""How the code of each language prints the gateway's answer."""

from collections.abc import Mapping
from typing import Any, Final, Literal

Kind = Literal["chat", "completion", "embeddings", "moderation"]

_SHOWN: Final[Mapping[str, Mapping[str, str]]] = {
    "requests": {
        "chat": 'print(answer.json()["choices"][0]["message"]["content"])',
        "chats": 'for choice in answer.json()["choices"]:\n    print(choice["message"]["content"])',
        "tools": 'for choice in answer.json()["choices"]:\n'
        '    print(choice["message"]["content"] or choice["message"].get("tool_calls"))',
        "completion": 'print(answer.json()["choices"][0]["text"])',
        "completions": 'for choice in answer.json()["choices"]:\n    print(choice["text"])',
        "embeddings": 'for row in answer.json()["data"]:\n'
        '    print(len(row["embedding"]), "numbers, the first three:", row["embedding"][:3])',
        "moderation": 'for result in answer.json()["results"]:\n'
        '    print(result["flagged"], result["category_scores"])',
    },
    "powershell": {
        "chat": "$answer.choices[0].message.content",
        "chats": "$answer.choices.message.content",
        "tools": "$answer.choices.message | ConvertTo-Json -Depth 9",
        "completion": "$answer.choices[0].text",
        "completions": "$answer.choices.text",
        "embeddings": "foreach ($row in $answer.data) {\n"
        '  "$($row.embedding.Count) numbers, the first three: $($row.embedding[0..2])"\n}',
        "moderation": "$answer.results | ConvertTo-Json",
    },
    "openai": {
        "chat": "print(answer.choices[0].message.content)",
        "chats": "for choice in answer.choices:\n    print(choice.message.content)",
        "tools": "for choice in answer.choices:\n    print(choice.message.content or choice.message.tool_calls)",
        "completion": "print(answer.choices[0].text)",
        "completions": "for choice in answer.choices:\n    print(choice.text)",
        "embeddings": "for row in answer.data:\n"
        '    print(len(row.embedding), "numbers, the first three:", row.embedding[:3])',
        "moderation": "for result in answer.results:\n    print(result.flagged, result.category_scores)",
    },
    "httr2": {
        "chat": 'cat(answer$choices[[1]]$message$content, "\\n")',
        "chats": 'for (choice in answer$choices) cat(choice$message$content, "\\n")',
        "tools": "for (choice in answer$choices) str(choice$message)",
        "completion": 'cat(answer$choices[[1]]$text, "\\n")',
        "completions": 'for (choice in answer$choices) cat(choice$text, "\\n")',
        "embeddings": "for (row in answer$data) {\n  vector <- unlist(row$embedding)\n"
        '  cat(length(vector), "numbers, the first three:", vector[1:3], "\\n")\n}',
        "moderation": "for (result in answer$results) {\n"
        '  cat("flagged:", result$flagged, "\\n")\n  str(result$category_scores)\n}',
    },
    "javascript": {
        "chat": "console.log(answer.choices[0].message.content);",
        "chats": "for (const choice of answer.choices) console.log(choice.message.content);",
        "tools": "for (const { message } of answer.choices) console.log(message.content || message.tool_calls);",
        "completion": "console.log(answer.choices[0].text);",
        "completions": "for (const choice of answer.choices) console.log(choice.text);",
        "embeddings": "for (const { embedding } of answer.data) {\n"
        '  console.log(embedding.length, "numbers, the first three:", embedding.slice(0, 3));\n}',
        "moderation": "for (const result of answer.results) console.log(result.flagged, result.category_scores);",
    },
    "langchain": {
        "chat": "print(answer.content)",
        "chats": "print(answer.content)  # LangChain keeps one of the answers",
        "tools": "print(answer.content or answer.tool_calls)",
    },
}


def show(language: str, kind: Kind, body: Mapping[str, Any]) -> str:
    """Return the lines that print the result: all of several answers, and tool calls of the model."""
    several = (body.get("n") or 1) > 1
    if kind == "chat":
        return _SHOWN[language]["tools" if body.get("tools") else "chats" if several else "chat"]
    return _SHOWN[language]["completions" if kind == "completion" and several else kind]
