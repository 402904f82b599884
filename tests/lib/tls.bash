# shellcheck shell=bash
# Authorities and certificates for bats files that speak TLS:
#
#   tls_authority [NAME]                    makes an authority: $T/tls/NAME.pem (ca)
#   tls_certificate NAME SAN [CA [START END]]  a key and a certificate of it: $T/tls/NAME.key, $T/tls/NAME.pem; the dates are
#                                           YYYYMMDDHHMMSSZ

tls_authority() {
    local name=${1:-ca} dir=$T/tls
    mkdir -p "$dir"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=authority $name" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign \
        -keyout "$dir/$name.key" -out "$dir/$name.pem" 2>/dev/null
}

tls_certificate() {
    local name=$1 san=$2 ca=${3:-ca} dir=$T/tls
    local dates=(-days 1)
    [ -z "${4:-}" ] || dates=(-startdate "$4" -enddate "$5")
    : >"$dir/index"
    cat >"$dir/$name.conf" <<END
[ca]
default_ca = here
[here]
database = $dir/index
new_certs_dir = $dir
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[server]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = $san
END
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -keyout "$dir/$name.key" \
        -out "$dir/$name.csr" 2>/dev/null
    openssl ca -batch -notext -config "$dir/$name.conf" -extensions server -cert "$dir/$ca.pem" -keyfile "$dir/$ca.key" \
        "${dates[@]}" -in "$dir/$name.csr" -out "$dir/$name.pem" 2>"$dir/$name.log" || { cat "$dir/$name.log"; return 1; }
}
