# Run PostgreSQL until standard input closes: the process that started this holds its other end, and the pipe
# closes however that process ends, by SIGKILL too.
# Arguments: the folder of its programs, the folder of its data, its version, a file with the password, a port.
set -e
bin=$1 data=$2 version=$3 password=$4 port=$5
if [ "$(cat "$data/PG_VERSION" 2>/dev/null)" != "$version" ]; then
    rm -rf "$data" "$data.new"
    "$bin/initdb" --auth=scram-sha-256 --pwfile="$password" --username=postgres --encoding=UTF8 --locale=C \
        --wal-segsize=1 --no-sync --no-instructions -D "$data.new"
    mv "$data.new" "$data"
fi
exec 3<&0
"$bin/postgres" -D "$data" -F -p "$port" -h 127.0.0.1 -k '' \
    -c shared_buffers=32MB -c wal_level=minimal -c max_wal_senders=0 3<&- </dev/null &
server=$!
(read -r _ <&3 || kill -INT "$server") &
exec 3<&-
wait "$server"
