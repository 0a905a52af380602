# What the examples of these pages share, for bash. Beside a running service: . docs/call.sh
# Where PORT or API is set, it is asked there. Nobody is logged in at first.
TOKEN='' REFRESH=''
API=${API:-http://127.0.0.1:${PORT:-8000}/api/v1}

# call METHOD PATH [options of curl]: prints the status and the answer, with -i the header fields
# too; sends TOKEN where it is set.
call() {
    local method=$1 path=$2
    shift 2
    curl -s -X "$method" "$API$path" -H 'Content-Type: application/json' \
        ${TOKEN:+-H "Authorization: Bearer $TOKEN"} -w '\n%{http_code}' "$@" | python3 -c '
import json, sys
text, _, status = sys.stdin.buffer.read().decode().rpartition("\n")
head, _, body = text.rpartition("\r\n\r\n") if text.startswith("HTTP/") else ("", "", text)
print(head.replace("\r", "") or status)
if body:
    print(json.dumps(json.loads(body), indent=2, ensure_ascii=False))'
}

# member NAME: that member of the answer which call has printed.
member() {
    python3 -c 'import json, sys; sys.stdin.readline(); print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

# log_in NAME PASSWORD: sets TOKEN and REFRESH, or prints the refusal.
log_in() {
    local answer
    answer=$(TOKEN='' call POST /auth/login -d "{\"username\": \"$1\", \"password\": \"$2\"}")
    case $answer in
        200*)
            TOKEN=$(member access_token <<<"$answer")
            REFRESH=$(member refresh_token <<<"$answer")
            ;;
        *) printf '%s\n' "$answer" ;;
    esac
}

# mailed PAGE ADDRESS: the token of the newest link to PAGE that was mailed to ADDRESS, where mail is
# kept in instance/mail/.
mailed() {
    local found=''
    for _ in $(seq 100); do
        found=$(grep -ls "^To: $2" instance/mail/*.eml | xargs -r grep -hoE "/$1[?#]token=[0-9a-f.-]+" | tail -n 1)
        [ -z "$found" ] || break
        sleep 0.1
    done
    printf '%s\n' "${found#*=}"
}
