namespace Macro.Linux;

static partial class Interop
{
    internal const int IPPROTO_TCP = 6;
    internal const int TCP_NODELAY = 1;
}
