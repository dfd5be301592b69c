package main

import "strings"

// sshWords are the keywords of ssh_config(5), of OpenSSH 9.9 and a few older ones and
// distributors' additions. Which of them have an effect is the SSH client's to know; here
// they only tell an option from a misspelling.
const sshWords = `
AddKeysToAgent AddressFamily BatchMode BindAddress BindInterface
CanonicalDomains CanonicalizeFallbackLocal CanonicalizeHostname CanonicalizeMaxDots
CanonicalizePermittedCNAMEs CASignatureAlgorithms CertificateFile ChallengeResponseAuthentication
ChannelTimeout CheckHostIP Cipher Ciphers ClearAllForwardings Compression CompressionLevel
ConnectionAttempts ConnectTimeout ControlMaster ControlPath ControlPersist
DynamicForward EnableEscapeCommandline EnableSSHKeysign EscapeChar ExitOnForwardFailure
FingerprintHash ForkAfterAuthentication ForwardAgent ForwardX11 ForwardX11Timeout ForwardX11Trusted
GatewayPorts GlobalKnownHostsFile GSSAPIAuthentication GSSAPIDelegateCredentials
GSSAPIClientIdentity GSSAPIKexAlgorithms GSSAPIKeyExchange GSSAPIRenewalForcesRekey GSSAPIServerIdentity GSSAPITrustDns
HashKnownHosts HostbasedAcceptedAlgorithms HostbasedAuthentication HostbasedKeyTypes
HostKeyAlgorithms HostKeyAlias Hostname IdentitiesOnly IdentityAgent IdentityFile IgnoreUnknown
Include IPQoS KbdInteractiveAuthentication KbdInteractiveDevices KexAlgorithms KnownHostsCommand
LocalCommand LocalForward LogLevel LogVerbose MACs NoHostAuthenticationForLocalhost
NumberOfPasswordPrompts ObscureKeystrokeTiming PasswordAuthentication PermitLocalCommand
PermitRemoteOpen PKCS11Provider Port PreferredAuthentications Protocol ProxyCommand ProxyJump
ProxyUseFdpass PubkeyAcceptedAlgorithms PubkeyAcceptedKeyTypes PubkeyAuthentication RekeyLimit
RemoteCommand RemoteForward RequestTTY RequiredRSASize RevokedHostKeys RhostsRSAAuthentication
RSAAuthentication SecurityKeyProvider SendEnv ServerAliveCountMax ServerAliveInterval SessionType
SetEnv StdinNull StreamLocalBindMask StreamLocalBindUnlink StrictHostKeyChecking SyslogFacility
Tag TCPKeepAlive Tunnel TunnelDevice UpdateHostKeys UsePrivilegedPort User UserKnownHostsFile
VerifyHostKeyDNS VersionAddendum VisualHostKey XAuthLocation`

// sshKeywords gives the usual spelling for one in lower case.
var sshKeywords = indexKeywords()

func indexKeywords() map[string]string {
	index := make(map[string]string)
	for _, word := range strings.Fields(sshWords) {
		index[strings.ToLower(word)] = word
	}
	return index
}

// sshKeyword tells whether name is a keyword; case does not matter in them.
func sshKeyword(name string) (string, bool) {
	word, ok := sshKeywords[strings.ToLower(name)]
	return word, ok
}
