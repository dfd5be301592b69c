package scpio

// What the tests need to see from inside.
var (
	Quote        = quote
	QuoteLogin   = quoteLogin
	ErrnoOf      = errnoOf
	VersionOf    = versionOf
	LoginCommand = loginCommand
)
