using System.Globalization;
using System.Text;
using Macro.Core;

namespace Macro.NetStack.Tests;

/// <summary>
/// Goodput of one stream for six seconds over a link of 50 Mbit/s, in virtual time: a change of behaviour shows as a
/// difference from the table in Vectors/goodput.txt. MACRO_RECORD=FILE writes the table anew.
/// </summary>
public class GoodputTests
{
    static readonly int[] s_rtts = [0, 10, 50, 150];

    /// <summary>Probabilities for each segment of data; acknowledgments arrive.</summary>
    static readonly (double Loss, double Reordering, double Duplication, double Corruption)[] s_faults =
    [
        (0, 0, 0, 0), (0, 0.02, 0, 0),
        (0.001, 0, 0, 0), (0.001, 0.02, 0, 0),
        (0.01, 0, 0, 0), (0.01, 0.02, 0, 0),
        (0, 0, 0.01, 0), (0, 0, 0, 0.001), (0.001, 0.02, 0.01, 0.001),
    ];

    const double Rate = 50e6;

    static readonly TimeSpan s_time = TimeSpan.FromSeconds(6);

    [Fact]
    public void The_goodput_table_is_the_recorded_one()
    {
        var table = new StringBuilder("rtt ms  loss %  reorder %  duplicate %  corrupt %  Mbit/s\n");
        foreach (var rtt in s_rtts)
            foreach (var (loss, reordering, duplication, corruption) in s_faults)
            {
                var shape = Shape(rtt) with { Loss = loss, Reordering = reordering, Duplication = duplication, Corruption = corruption };
                table.Append(CultureInfo.InvariantCulture, $"{rtt,6}  {100 * loss,6:F1}  {100 * reordering,9:F0}  {100 * duplication,11:F0}  {100 * corruption,9:F1}  {Median(shape),6:F1}\n");
            }

        var path = Path.Combine(AppContext.BaseDirectory, "Vectors", "goodput.txt");
        if (Environment.GetEnvironmentVariable("MACRO_RECORD") is { } file)
            File.WriteAllText(file, table.ToString());
        else
            Assert.Equal(File.ReadAllText(path), table.ToString());
    }

    static LinkShape Shape(int rtt) => new()
    {
        Delay = TimeSpan.FromMilliseconds(rtt / 2.0),
        Rate = Rate,
        // A bandwidth-delay product, and at least 20 ms.
        Queue = (int)(Rate / 8 * Math.Max(rtt, 20) / 1000),
        Lateness = TimeSpan.FromMilliseconds(Math.Max(rtt / 10.0, 1)),
    };

    static double Median(LinkShape shape) => Enumerable.Range(1, 3).Select(seed => Goodput(shape, (ulong)seed)).Order().ElementAt(1);

    static double Goodput(LinkShape shape, ulong seed)
    {
        var pair = new Pair(shape, seed);
        pair.Back.Shape = shape with { Loss = 0, Reordering = 0, Duplication = 0, Corruption = 0 };
        pair.Client.Closes = pair.Server.Closes = false;
        pair.Connect();
        pair.Client.ToWrite = long.MaxValue / 2;
        var began = pair.Now;
        pair.Run(s_time);
        return pair.Server.Read * 8 / (pair.Now - began).TotalSeconds / 1e6;
    }
}
