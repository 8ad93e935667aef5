using Macro.NetStack.Tcp;

namespace Macro.NetStack.Tests;

public sealed class TcpMemoryTests
{
    const int Chunk = TcpMemory.ChunkSize;

    readonly TcpMemory _memory = new(16 * Chunk);

    [Fact]
    public void Chunks_that_were_needed_since_the_last_trim_are_kept_for_the_next_taker()
    {
        var chunks = Take(8);
        _memory.Trim();
        chunks.ForEach(_memory.Return);

        Assert.Equal(0, _memory.Trim());
        Assert.Contains(_memory.TryTake(MemoryPurpose.InOrder)!, chunks);
    }

    [Fact]
    public void Chunks_that_nobody_needed_since_the_last_trim_are_given_back()
    {
        Take(8).ForEach(_memory.Return);
        _memory.Trim();
        Take(2).ForEach(_memory.Return);

        Assert.Equal(6 * Chunk, _memory.Trim());
        Assert.Equal(0, _memory.Used);
    }

    [Fact]
    public void What_was_given_back_can_be_taken_again()
    {
        Take(16).ForEach(_memory.Return);
        _memory.Trim();
        _memory.Trim();

        Assert.Equal(16, Take(16).Count);
        Assert.Null(_memory.TryTake(MemoryPurpose.InOrder));
    }

    List<byte[]> Take(int count) => [.. Enumerable.Range(0, count).Select(_ => _memory.TryTake(MemoryPurpose.InOrder)!)];
}
