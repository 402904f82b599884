curl -sS '{transcription_url}' -o transcription.json
cat transcription.json | jq .
