#!/usr/bin/env bash
# A PostgreSQL of its own for tests, in a folder that goes away with it.
#
#   postgres.sh start FOLDER    starts one there and prints its URL, for DATABASE_URL
#   postgres.sh stop FOLDER     stops it and removes the folder
#
# Needs the server's programs (Debian: postgresql). The server refuses to run as root; if we are, it
# runs as the user postgres. It listens on a free port of the loopback only and asks for no password.
set -euo pipefail

die() {
    echo "postgres.sh: $*" >&2
    exit 1
}

usage() {
    echo "usage: ${0##*/} start|stop FOLDER" >&2
    exit 2
}

# The folder with the server's programs, the newest if there are several.
programs() {
    local found
    found=$(ls -d /usr/lib/postgresql/*/bin /usr/local/pgsql/bin 2>/dev/null | sort -V | tail -n 1)
    if [[ -x $found/initdb ]]; then
        echo "$found"
    elif command -v initdb >/dev/null; then
        dirname "$(command -v initdb)"
    else
        return 1
    fi
}

# As the user that the server runs as.
as_server() {
    if ((EUID == 0)); then
        runuser -u postgres -- "$@"
    else
        "$@"
    fi
}

# Nobody listens there now.
free_port() {
    local port
    for ((port = 20000 + RANDOM % 10000; port < 32000; port++)); do
        if ! (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    return 1
}

start() {
    local folder=$1 bin port
    bin=$(programs) || die "there is no initdb; install Debian's postgresql, or leave DATABASE_URL unset"
    if ((EUID == 0)) && ! id postgres >/dev/null 2>&1; then
        die "there is no user postgres, and the server refuses to run as root"
    fi
    [[ ! -e $folder/data ]] || die "$folder has a server already; stop that first"
    mkdir -p "$folder"
    if ((EUID == 0)); then
        chown postgres "$folder"
    fi
    cd "$folder" # one that the server's user may be in
    as_server "$bin/initdb" --pgdata=data --username=postgres --auth=trust --encoding=UTF8 \
        --locale=C.UTF-8 --no-sync >initdb.log || die "see $folder/initdb.log"
    # A test's database need not survive a power cut. Each test has connections of its own.
    cat >>data/postgresql.conf <<'SETTINGS'
fsync = off
full_page_writes = off
max_connections = 300
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
SETTINGS
    # Another program may take the port first.
    for _ in 1 2 3; do
        port=$(free_port) || die "there is no free port"
        if as_server "$bin/pg_ctl" --pgdata=data --log=server.log --wait --silent \
            --options="-p $port" start >pg_ctl.log 2>&1; then
            echo "postgres://postgres@127.0.0.1:$port/postgres"
            return
        fi
    done
    die "the server does not start; see $folder/server.log"
}

stop() {
    local folder=$1 bin
    [[ -e $folder/data ]] || die "there is no server in $folder"
    bin=$(programs) || die "there is no pg_ctl"
    cd "$folder"
    if [[ -e data/postmaster.pid ]]; then
        as_server "$bin/pg_ctl" --pgdata=data --wait --silent --mode=immediate stop
    fi
    cd /
    rm -rf "$folder"
}

(($# == 2)) || usage
# Both by an absolute name: the server does not stay where it was started.
case $1 in
start) start "$(realpath --canonicalize-missing "$2")" ;;
stop) stop "$(realpath --canonicalize-missing "$2")" ;;
*) usage ;;
esac
