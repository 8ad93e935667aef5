using Macro.Fuzz;

namespace Macro.NetStack.Tests;

/// <summary>A short run of ./lab fuzz, with the same seed every time.</summary>
[Collection(nameof(Alone))]
public sealed class FuzzTests
{
    public static TheoryData<string> Targets => [.. FuzzTargets.Names];

    [Theory]
    [MemberData(nameof(Targets))]
    public void Twenty_thousand_mutated_inputs_break_nothing(string name)
    {
        var result = new Fuzzer(FuzzTargets.All().Single(target => target.Name == name), seed: 1).Run(20_000);

        Assert.Null(result.Failure);
    }

    /// <summary>Inputs that broke something once.</summary>
    [Fact]
    public void A_head_of_ten_thousand_fields_is_refused()
    {
        var head = System.Text.Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nConnection: a\r\n{string.Concat(Enumerable.Repeat("b:\r\n", 10_000))}\r\n");

        Assert.Equal(InputVerdict.Malformed, HttpResponseHead.TryParse(head, out _, out _));
    }
}
