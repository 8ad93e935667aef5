# A private Tor network: three directory authorities that are relays and exits, too, one relay more, and a client.
# Sourced after network.sh.
#
#   torclient ---- any three of tor1 tor2 tor3 tor4 ---- web

net+=([torclient]=171 [tor1]=172 [tor2]=173 [tor3]=174 [tor4]=175)
tor_relays=(tor1 tor2 tor3 tor4)
tor_authorities=(tor1 tor2 tor3)
tor_or_port=5000 tor_dir_port=7000 tor_socks_port=9050 tor_control_port=9051

# tor_network: hosts, keys, all programs, and a client that has a circuit.
tor_network() {
  : >"$lab_home/empty.torrc"
  local name
  for name in torclient "${tor_relays[@]}"; do
    host "$name"
    mkdir -p "$lab_home/tor-$name/keys"
  done
  for name in "${tor_authorities[@]}"; do tor_authority_keys "$name"; done
  for name in "${tor_relays[@]}"; do
    { tor_settings "$name"; tor_relay_settings "$name"; } >"$lab_home/$name.torrc"
    tor_relay "$name"
  done
  { tor_settings torclient; echo "SocksPort $tor_socks_port IsolateSOCKSAuth"; echo "ControlPort $tor_control_port"; } >"$lab_home/torclient.torrc"
  spawn torclient torclient tor -f "$lab_home/torclient.torrc" --defaults-torrc "$lab_home/empty.torrc"
  eventually 150 grep -q 'Bootstrapped 100%' "$lab_home/torclient.log" || { tail -5 "$lab_home/torclient.log" >&2; die "Tor has no circuit."; }
}

tor_relay() { spawn "$1" "$1" tor -f "$lab_home/$1.torrc" --defaults-torrc "$lab_home/empty.torrc"; }

tor_authority_keys() {
  local home=$lab_home/tor-$1
  echo passphrase | tor-gencert --create-identity-key -m 12 -a "$(v4 "$1"):$tor_dir_port" --passphrase-fd 0 \
    -i "$home/keys/authority_identity_key" -s "$home/keys/authority_signing_key" -c "$home/keys/authority_certificate" >/dev/null 2>&1
  # An authority's own line has to be there already: any other one does for now.
  tor -f "$lab_home/empty.torrc" --defaults-torrc "$lab_home/empty.torrc" --list-fingerprint --quiet --DataDirectory "$home" --Nickname "$1" --ORPort 1 \
    --Address "$(v4 "$1")" --DirAuthority 'none 127.0.0.1:1 ffffffffffffffffffffffffffffffffffffffff' |
    sed 's/^[^ ]* //; s/ //g' >"$lab_home/$1.fingerprint"
}

tor_settings() {
  local name
  printf '%s\n' "DataDirectory $lab_home/tor-$1" "Log notice stdout" "TestingTorNetwork 1" "EnforceDistinctSubnets 0" \
    "AssumeReachable 1" "PathsNeededToBuildCircuits 0.25"
  for name in "${tor_authorities[@]}"; do
    echo "DirAuthority $name orport=$tor_or_port v3ident=$(sed -n 's/^fingerprint //p' "$lab_home/tor-$name/keys/authority_certificate") $(v4 "$name"):$tor_dir_port $(cat "$lab_home/$name.fingerprint")"
  done
}

tor_relay_settings() {
  printf '%s\n' "Nickname $1" "Address $(v4 "$1")" "ORPort $tor_or_port" "SocksPort 0" "ContactInfo none" \
    "ExitRelay 1" "ExitPolicy accept *:*" "ExitPolicyRejectPrivate 0"
  if [[ " ${tor_authorities[*]} " == *" $1 "* ]]; then
    printf '%s\n' "DirPort $tor_dir_port" "AuthoritativeDirectory 1" "V3AuthoritativeDirectory 1" \
      "V3AuthVotingInterval 20" "V3AuthVoteDelay 4" "V3AuthDistDelay 4" \
      "TestingV3AuthInitialVotingInterval 20" "TestingV3AuthInitialVoteDelay 4" "TestingV3AuthInitialDistDelay 4" \
      "TestingDirAuthVoteExit *" "TestingDirAuthVoteGuard *" "TestingDirAuthVoteHSDir *" "TestingMinExitFlagThreshold 0"
  fi
}
