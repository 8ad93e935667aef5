namespace Macro.Linux;

static partial class Interop
{
    internal const int SOL_UDP = 17;
    internal const int UDP_SEGMENT = 103;
    internal const int UDP_GRO = 104;
}
