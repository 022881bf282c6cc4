# Harvests oai_dc completely with HTTP::OAI: harvest.pl URL [FROM UNTIL]
#
# Prints a line for each record: its identifier, a tab, and its title, or nothing if it is deleted.
use strict;
use warnings;

use HTTP::OAI;

binmode STDOUT, ':encoding(UTF-8)';
my ($url, $from, $until) = @ARGV;
my %selection = (defined $from ? (from => $from) : (), defined $until ? (until => $until) : ());
# Not with `next`, which gives out the last page only.
my $answer = HTTP::OAI::Harvester->new(baseURL => $url)->ListRecords(
    metadataPrefix => 'oai_dc',
    %selection,
    onRecord => sub {
        my ($record) = @_;
        my $title = $record->is_deleted
            ? ''
            : $record->metadata->dom->findvalue('.//*[local-name() = "title"]');
        print $record->identifier, "\t", $title, "\n";
    },
);
die $answer->message, "\n" if $answer->is_error;
die $_->code, ': ', $_->message, "\n" for $answer->error;
