# What the root scripts need from the machine: the .NET SDK, and Debian packages where one is missing.
# Sourced, never run. The caller has set `root` to the repository's folder.

export PATH=$PATH:/usr/sbin:/sbin
# The SDK asks for ICU otherwise, which a bare Debian does not have; nothing here needs cultures.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
export MSBUILDDISABLENODEREUSE=1

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# The Debian packages that bring a command or a file.
declare -A package_of=(
  [nft]=nftables [wg]=wireguard-tools [wg-quick]=wireguard-tools [iperf3]=iperf3 [ping]=iputils-ping
  [tcpdump]=tcpdump [ip]=iproute2 [jq]=jq [curl]='curl ca-certificates' [python3]=python3 [ethtool]=ethtool [wireguard-go]=wireguard-go
  [gcc]='gcc libc6-dev' [zsh]=zsh [fish]=fish [tor]=tor [slirp4netns]=slirp4netns [pasta]=passt [chromium]=chromium [proxychains4]=proxychains4 [dig]=bind9-dnsutils [setpriv]=util-linux
  [unbound]=unbound [knotd]=knot [keymgr]=knot
  [turnserver]=coturn [turnutils_stunclient]=coturn [turnutils_natdiscovery]=coturn [miniupnpd]=miniupnpd-nftables [ss]=iproute2 [nstat]=iproute2
  [/usr/share/tor/geoip]=tor-geoipdb
)

# need_commands COMMAND|FILE...: installs the packages of those that are missing, and fails with the remedy when it may not.
need_commands() {
  local command packages=()
  for command in "$@"; do
    command -v "$command" >/dev/null || [[ $command == /* && -r $command ]] || packages+=(${package_of[$command]})
  done
  [ ${#packages[@]} -gt 0 ] || return 0
  mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    die "Missing: ${packages[*]}. Install them (Debian: sudo apt-get install ${packages[*]}) and start again."
  fi
  say "Installing ${packages[*]}"
  apt_quietly install -y --no-install-recommends "${packages[@]}" ||
    { apt_quietly update && apt_quietly install -y --no-install-recommends "${packages[@]}"; } ||
    die "apt-get could not install: ${packages[*]}"
}

apt_quietly() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" </dev/null >/dev/null 2>&1; }

need_dotnet() {
  if ! command -v dotnet >/dev/null && [ -x "$HOME/.dotnet/dotnet" ]; then PATH=$PATH:$HOME/.dotnet; fi
  if ! command -v dotnet >/dev/null || ! (cd "$root" && dotnet --version) >/dev/null 2>&1; then
    say "The .NET 10 SDK is missing. Install it from https://dotnet.microsoft.com/download/dotnet/10.0, or:"
    say "  curl -sSL https://dot.net/v1/dotnet-install.sh | bash -s -- --channel 10.0"
    exit 1
  fi
}

# eventually SECONDS COMMAND...: repeats a command until it succeeds; fails when the time is over.
eventually() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.1
  done
}

need_root() { [ "$(id -u)" = 0 ] || die "$1 makes network namespaces and needs root: sudo $1"; }

# wireguard_go_2023: prints the path of wireguard-go 0.0.20231211 (the first with UDP offloads) from bookworm-backports.
# It is unpacked below out/, not installed: the system's apt sources and packages stay as they are.
wireguard_go_2023() {
  local home=$root/out/peers/wireguard-go-0.0.20231211
  if [ ! -x "$home/usr/bin/wireguard-go" ]; then
    mkdir -p "$home/lists/partial" "$home/download"
    # From the mirror that the machine uses anyway.
    local mirror
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Codename: bookworm' | sed -n 1p)
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s bookworm-backports main\n' "$mirror" >"$home/backports.list"
    local apt=(-o "Dir::Etc::sourcelist=$home/backports.list" -o Dir::Etc::sourceparts=-
      -o "Dir::State::lists=$home/lists" -o APT::Sandbox::User=root)
    apt_quietly "${apt[@]}" update &&
      (cd "$home/download" && apt_quietly "${apt[@]}" download 'wireguard-go=0.0.20231211*') &&
      dpkg-deb -x "$home"/download/wireguard-go_*.deb "$home" ||
      die "wireguard-go 0.0.20231211 could not be fetched from bookworm-backports."
    rm -rf "$home/lists" "$home/download"
  fi
  printf '%s\n' "$home/usr/bin/wireguard-go"
}
