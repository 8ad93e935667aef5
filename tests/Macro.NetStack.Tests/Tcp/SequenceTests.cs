using System.Globalization;

namespace Macro.NetStack.Tests;

/// <summary>
/// Generated sequences of segments against invariants, each from its seed. MACRO_TCP_SEQUENCES sets how many (default
/// 50 000), MACRO_TCP_SEED where to begin; ./lab tcp runs a million.
/// </summary>
public class SequenceTests
{
    static readonly long s_sequences = Number("MACRO_TCP_SEQUENCES", 50_000);
    static readonly long s_seed = Number("MACRO_TCP_SEED", 1);

    [Fact]
    public void Whatever_a_peer_sends_no_byte_is_lost_or_invented_and_the_connection_ends()
    {
        var memory = new TcpMemory(16 * TcpMemory.ChunkSize);
        var segments = 0L;
        for (var seed = (ulong)s_seed; seed < (ulong)(s_seed + s_sequences); seed++)
        {
            try
            {
                var sequence = new SegmentSequence(seed, memory);
                sequence.Run();
                segments += sequence.Given;
            }
            catch (Exception failure)
            {
                throw new InvalidOperationException($"seed {seed}", failure);
            }
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{s_sequences} sequences, {segments} segments");
    }

    static long Number(string name, long otherwise) =>
        Environment.GetEnvironmentVariable(name) is { } text ? long.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
